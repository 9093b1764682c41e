"""What measuring use on a run takes, said before anything is spent."""

from __future__ import annotations

from dataclasses import dataclass

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
    """All images that are drawn anew, and what they take."""

    model: str
    suite: str
    judge: str
    parts: tuple[PlannedImages, ...]
    own_images: int
    """Images that the run itself has made."""
    seconds_per_image: float | None
    """As the run measured it, without judging; None where it did not."""
    device: str
    """On which it measured that; empty where it did not."""
    bytes_per_image: int
    """Mean of the run's own images."""
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
        """What the missing images take; None where that is not known."""
        return None if self.seconds_per_image is None else self.missing * self.seconds_per_image

    @property
    def bytes(self) -> int:
        """What the missing images take on the disk."""
        return self.missing * self.bytes_per_image
