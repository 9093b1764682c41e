"""What measuring use on a run takes, said before anything is spent."""

from __future__ import annotations

from dataclasses import dataclass

from t2i_audit.results.interval import Number
from t2i_audit.results.use import Kind


@dataclass(frozen=True)
class PlannedImages:
    """The images that are drawn anew under one change."""

    kind: Kind
    slot: str
    """Empty for ``context``."""
    site: str
    prompts: int
    """One image each."""
    missing: int
    """Those of them that are not there yet."""


@dataclass(frozen=True)
class UsePlan:
    """All images that are drawn anew, and what they take.

    >>> import t2i_audit as t2i
    >>> try:
    ...     t2i.plan_use("runs/demo")
    ... except t2i.AuditError as error:
    ...     print(str(error)[:43])
    the run has too few prompts to measure use:
    """

    model: str
    suite: str
    judge: str
    parts: tuple[PlannedImages, ...]
    own_images: int
    """Images that the run itself has made."""
    seconds_per_image: Number | None
    """As the run measured it, without judging; None where it did not."""
    device: str
    """On which it measured that; empty where it did not."""
    bytes_per_image: int
    """Mean of the run's own images."""
    half_width: Number
    """Half the width of the widest 95% interval of a use, at most; NaN for a single prompt."""
    prompts_read: int
    """Prompts that are sampled once more to read what the denoiser's blocks hold of them; 0 where
    nothing is changed there."""
    notes: tuple[str, ...] = ()
    """What is left out, and why."""

    @property
    def images(self) -> int:
        """Images in all, those that are there included."""
        return sum(part.prompts for part in self.parts)

    @property
    def missing(self) -> int:
        """Images that are still to be made."""
        return sum(part.missing for part in self.parts)

    @property
    def seconds(self) -> float | None:
        """What the missing images take, and reading the blocks; None where that is not known."""
        if self.seconds_per_image is None:
            return None
        return (self.missing + self.prompts_read) * self.seconds_per_image

    @property
    def bytes(self) -> int:
        """What the missing images take on the disk."""
        return self.missing * self.bytes_per_image
