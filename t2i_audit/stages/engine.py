"""What stages ask of an engine: processes, maybe on other machines, that sample and judge."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import numpy as np

    from t2i_audit.generation import Batch
    from t2i_audit.generation.memory import Made
    from t2i_audit.generation.sampling import Sampling
    from t2i_audit.judges.panel import Member
    from t2i_audit.results.cost import Cost
    from t2i_audit.run.features import FeaturePart
    from t2i_audit.stages.files import ImageFile


@dataclass(frozen=True, eq=False)
class Sent:
    """A batch that another process has sampled."""

    batch: Batch
    made: Made
    maker: str
    """The process, by a name that no other one has."""
    cost: Cost
    """What the process has taken for all its batches so far."""


class Engine(Protocol):
    """Processes that sample and judge; all that they make comes back to this one, which writes.

    A batch comes back once, in any order. Each method raises `AuditError` where the processes
    fail at what would fail here, or where they cannot go on.
    """

    def sample(self, batches: Sequence[Batch], sampling: Sampling) -> Iterator[Sent]:
        """Sample `batches` of the checkpoint."""
        ...

    def sample_untrained(
        self, batches: Sequence[Batch], sampling: Sampling, *, seed: int
    ) -> Iterator[tuple[Batch, FeaturePart]]:
        """What is recorded of `batches` with the denoiser of random weights that `seed` draws."""
        ...

    def judges(self, member: Member) -> bool:
        """Whether `judge` is for this member; others cost nothing here, as those by labels."""
        ...

    def judge(
        self,
        member: Member,
        batches: Sequence[Batch],
        images: Callable[[Batch], Mapping[ImageFile, np.ndarray]],
    ) -> Iterator[tuple[Batch, list[dict[str, Any]]]]:
        """Rows of the table ``judgements``: the verdicts of `member` on `batches`.

        Args:
            member: of the run's panel.
            batches: in the order in which they are handed out.
            images: the images of a batch and their pixels, ``(h, w, 3)`` uint8, read when a
                process is ready for them.
        """
        ...

    def release(self) -> None:
        """End the processes; a later call starts others."""
        ...
