"""What an actor does: it holds a pipeline and the judges, each loaded once, and takes batches."""

from __future__ import annotations

import tempfile
import uuid
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec

from t2i_audit.engine.files import local_path
from t2i_audit.engine.order import Order, difference
from t2i_audit.engine.pool import Answer, reason_of
from t2i_audit.errors import AuditError
from t2i_audit.reporter import CollectingReporter
from t2i_audit.spinning import bound_spinning

if TYPE_CHECKING:
    import numpy as np

    from t2i_audit.generation import Batch
    from t2i_audit.generation.memory import Made
    from t2i_audit.generation.sampling import Sampling
    from t2i_audit.judges.panel import Member
    from t2i_audit.judges.scope import Scope
    from t2i_audit.models.loaded import LoadedModel
    from t2i_audit.stages.files import ImageFile

P = ParamSpec("P")


def answering(
    method: Callable[Concatenate[AuditActor, P], Any],
) -> Callable[Concatenate[AuditActor, P], Answer]:
    """Have a method return an `Answer`, in which a failure that the user can mend is a sentence.

    An error itself would come with the traceback of another machine, and not all can be sent.
    """

    @wraps(method)
    def answer(self: AuditActor, /, *args: P.args, **kwargs: P.kwargs) -> Answer:
        from t2i_audit.failures import sentence_of

        value = failure = None
        try:
            value = method(self, *args, **kwargs)
        except Exception as err:
            failure = sentence_of(err)
            if failure is None:
                raise
        notes = tuple(self.as_given(note) for note in self.reporter.notes)
        self.reporter.notes.clear()
        return Answer(value, None if failure is None else self.as_given(failure), notes)

    return answer


class AuditActor:
    """Works as the driver would, on the batches that it is given."""

    def __init__(self, order: Order, files: Any) -> None:
        """Loads nothing yet.

        Args:
            order: what it is to know of the audit.
            files: the driver's `FileServer`, an actor.
        """
        bound_spinning()
        self.reporter = CollectingReporter()
        self._order, self._files = order, files
        self._paths: dict[str, str] | None = None
        self._loaded: LoadedModel | None = None
        self._sampler: Any = None  # for the sampling it was made for
        self._judge: tuple[int, Member] | None = None  # with its number in the panel
        # Made only where memory runs short and something is to be remembered.
        self._folder = Path(tempfile.gettempdir()) / f"t2i-audit-{uuid.uuid4().hex}"
        self._untrained: tuple[int, Any] | None = None
        self._stack = ExitStack()

    def as_given(self, sentence: str) -> str:
        """`sentence` with the names of files as the user gave them."""
        for given, path in (self._paths or {}).items():
            sentence = sentence.replace(path, given)
        return sentence

    @answering
    def get_ready(self) -> None:
        """Load the checkpoint."""
        self._pipeline()

    @answering
    def get_ready_to_judge(self, number: int, scope: Scope) -> None:
        """Load the judge with this number in the panel."""
        self._member(number, scope)

    @answering
    def sample(self, batch: Batch, sampling: Sampling) -> tuple[Made, str, Any]:
        """What a batch makes, this actor's name, and what it has taken for all its batches."""
        from t2i_audit.generation.memory import Parts
        from t2i_audit.generation.sampling import recorder_of, sampler_of
        from t2i_audit.stages.cost import CostMeter

        if self._sampler is None:
            self._stack.close()
            self._untrained = None
            loaded = self._pipeline()
            meter = CostMeter(self._folder, loaded)
            recorder = recorder_of(loaded, sampling, steps=sampling.steps)
            sample = meter.measuring(sampler_of(loaded, sampling, recorder, steps=sampling.steps))
            parts = Parts(loaded, self._folder, sampling.batch_size, sampling.shrinks)
            self._sampler = meter, parts, sample
        meter, parts, sample = self._sampler
        made = parts.sample(batch, sample)
        return made, meter.name, meter.cost

    @answering
    def sample_untrained(self, batch: Batch, sampling: Sampling, seed: int) -> Any:
        """What is recorded of a batch with the denoiser of random weights that `seed` draws."""
        from t2i_audit.stages.random_denoiser import untrained_sampler

        if self._untrained is None or self._untrained[0] != seed:
            self._stack.close()
            self._sampler = None
            sample = self._stack.enter_context(
                untrained_sampler(self._folder, self._pipeline(), sampling, seed=seed)
            )
            self._untrained = seed, sample
        return self._untrained[1](batch)

    @answering
    def judge(
        self, number: int, scope: Scope, images: Sequence[ImageFile], pixels: Sequence[np.ndarray]
    ) -> list[dict[str, Any]]:
        """Rows of the table ``judgements``: verdicts on `images`, each with its pixels."""
        from t2i_audit.judges.room import Room
        from t2i_audit.stages.judging import judged_rows

        room = Room(self._folder / str(number), self._order.at_once, self.reporter)
        pixels_of = dict(zip(images, pixels, strict=True))
        member = self._member(number, scope)
        return judged_rows(member, room, self._order.prompts, images, pixels_of.__getitem__)

    def _pipeline(self) -> LoadedModel:
        if self._loaded is None:
            from dataclasses import replace

            from t2i_audit.models import load_model

            order = self._own_order()
            loaded = load_model(
                order.source,
                dtype=order.dtype,  # type: ignore[arg-type]
                device=order.device,  # type: ignore[arg-type]
                placement=order.placement,
                options=order.options,
                reporter=self.reporter,
            )
            if loaded.weights_sha256 != order.weights_sha256:
                raise AuditError(
                    f"{order.name!r} is another checkpoint on {_machine()} than here; give its "
                    "files the same contents there, or another path here"
                )
            self._loaded = replace(loaded, name=order.name)
        return self._loaded

    def _member(self, number: int, scope: Scope) -> Member:
        from t2i_audit.judges.load import load_judge
        from t2i_audit.judges.panel import Member

        if self._judge is None or self._judge[0] != number:
            self._judge = None  # its memory is the next one's
            order = self._own_order()
            spec = order.judges[number]
            assert spec is not None  # the driver judges by those itself
            judge = load_judge(spec, device=order.judge_device)
            if judge.fingerprint != order.fingerprints[number]:
                raise AuditError(
                    f"judge {judge.name!r} is another one on {_machine()} than here; give its "
                    "files the same contents there, or another path here"
                )
            self._judge = number, Member(judge, scope)
        return self._judge[1]

    def _own_order(self) -> Order:
        """The order with the paths of this machine."""
        if self._paths is None:
            import torch

            from t2i_audit.run.manifest import library_versions

            other = difference(self._order.versions, library_versions())
            if other:
                raise AuditError(
                    f"{_machine()} has other versions ({other}); install the same on every "
                    "machine of the Ray cluster"
                )
            torch.set_num_threads(self._order.threads)
            found = {each.given: str(local_path(each, self._read)) for each in self._order.sent}
            self._paths = {given: path for given, path in found.items() if given != path}
            self._order = self._order.at(self._paths)
        return self._order

    def _read(self, path: str, offset: int) -> bytes:
        import ray

        try:
            chunk: bytes = ray.get(self._files.read.remote(path, offset))
        except ray.exceptions.RayError as err:
            raise AuditError(
                f"{path} cannot be sent to {_machine()} ({reason_of(err)}); put it there at the "
                "same path"
            ) from err
        return chunk


def _machine() -> str:
    import ray

    return f"the Ray node {ray.util.get_node_ip_address()}"
