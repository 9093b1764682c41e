"""The engine whose processes are Ray actors."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from t2i_audit.engine.actor import AuditActor
from t2i_audit.engine.cluster import connected, may_fit
from t2i_audit.engine.files import FileServer
from t2i_audit.engine.order import Order, needs_of, order_of
from t2i_audit.engine.pool import Pool
from t2i_audit.errors import AuditError
from t2i_audit.judges.panel import HOST
from t2i_audit.models.offload import on_host
from t2i_audit.reporter import Reporter
from t2i_audit.stages.engine import Sent

if TYPE_CHECKING:
    import numpy as np

    from prompts.structure import Prompt
    from t2i_audit.generation import Batch
    from t2i_audit.generation.sampling import Sampling
    from t2i_audit.judges.panel import Member
    from t2i_audit.models.loaded import LoadedModel
    from t2i_audit.run.features import FeaturePart
    from t2i_audit.settings import AuditSettings
    from t2i_audit.stages.files import ImageFile
    from t2i_audit.stages.judging import Judging


@contextmanager
def ray_engine(
    settings: AuditSettings,
    loaded: LoadedModel,
    judging: Judging,
    prompts: tuple[Prompt, ...],
    reporter: Reporter,
) -> Iterator[RayEngine]:
    """Connect to the cluster that ``settings.engine`` names; actors are started when needed.

    Raises:
        AuditError: the cluster cannot be used, or no machine of it has what an actor takes.
    """
    assert settings.engine is not None
    order = order_of(settings, loaded, judging, prompts)
    with connected(settings.engine):
        needs = needs_of(order)
        if not may_fit(needs):
            raise AuditError(_too_small(needs))
        engine = RayEngine(order, needs, loaded, judging, reporter)
        try:
            yield engine
        finally:
            engine.release()


def _too_small(needs: Mapping[str, float]) -> str:
    if "GPU" in needs:
        return (
            f"no machine of the Ray cluster has {needs['GPU']:g} GPU, which an actor takes, as "
            "this machine has; add one, or give --device cpu"
        )
    return (
        f"no machine of the Ray cluster has {needs['CPU']:g} CPUs, which an actor takes to round "
        "as this process does; set OMP_NUM_THREADS to a smaller number"
    )


class RayEngine:
    """An `Engine` of Ray actors."""

    def __init__(
        self,
        order: Order,
        needs: Mapping[str, float],
        loaded: LoadedModel,
        judging: Judging,
        reporter: Reporter,
    ) -> None:
        """See `ray_engine`."""
        self._order, self._needs = order, needs
        self._loaded, self._judging = loaded, judging
        self._pool = Pool(self._start, needs, reporter.note)
        self._shared: tuple[Any, Any] | None = None

    def sample(self, batches: Sequence[Batch], sampling: Sampling) -> Iterator[Sent]:
        """See `Engine`."""
        import ray

        shared = ray.put(sampling)
        with self._out_of_the_way():
            for batch, (made, maker, cost) in self._pool.each(
                batches,
                ready=lambda actor: actor.get_ready.remote(),
                work=lambda actor, batch: actor.sample.remote(batch, shared),
            ):
                yield Sent(batch, made, maker, cost)

    def sample_untrained(
        self, batches: Sequence[Batch], sampling: Sampling, *, seed: int
    ) -> Iterator[tuple[Batch, FeaturePart]]:
        """See `Engine`."""
        import ray

        shared = ray.put(sampling)
        with self._out_of_the_way():
            yield from self._pool.each(
                batches,
                ready=lambda actor: actor.get_ready.remote(),
                work=lambda actor, batch: actor.sample_untrained.remote(batch, shared, seed),
            )

    def judges(self, member: Member) -> bool:
        """See `Engine`."""
        return self._order.judges[self._judging.panel.index(member)] is not None

    def judge(
        self,
        member: Member,
        batches: Sequence[Batch],
        images: Callable[[Batch], Mapping[ImageFile, np.ndarray]],
    ) -> Iterator[tuple[Batch, list[dict[str, Any]]]]:
        """See `Engine`."""
        number = self._judging.panel.index(member)

        def work(actor: Any, batch: Batch) -> Any:
            pixels = images(batch)
            return actor.judge.remote(number, member.scope, list(pixels), list(pixels.values()))

        with self._out_of_the_way():
            yield from self._pool.each(
                batches,
                ready=lambda actor: actor.get_ready_to_judge.remote(number, member.scope),
                work=work,
            )

    def release(self) -> None:
        """See `Engine`."""
        self._pool.close()
        if self._shared is not None:
            import ray

            ray.kill(self._shared[1])
            self._shared = None

    @contextmanager
    def _out_of_the_way(self) -> Iterator[None]:
        """Leave this machine's device to an actor on it while the block runs."""
        panel, device = self._judging.panel, self._judging.device
        panel[0].judge.move_to(HOST)
        try:
            with on_host(self._loaded):
                yield
        finally:
            panel[0].judge.move_to(device)

    def _start(self) -> Any:
        import ray

        if self._shared is None:
            here = ray.get_runtime_context().get_node_id()
            beside = ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy(here, soft=False)
            server = ray.remote(FileServer).options(num_cpus=0, scheduling_strategy=beside)
            self._shared = ray.put(self._order), server.remote(self._order.sent)
        order, files = self._shared
        actor = ray.remote(AuditActor).options(
            num_cpus=self._needs["CPU"],
            num_gpus=self._needs.get("GPU", 0),
            scheduling_strategy="SPREAD",
            max_restarts=0,
        )
        return actor.remote(order, files)
