"""One rater's opinion on one image of a run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Label:
    """What one rater says of one image."""

    prompt_id: str
    seed: int
    """Index of the image among those of its prompt, from 0."""
    rater: str
    correct: bool | None
    """Whether the image shows the whole prompt; None if the rater was not asked or cannot tell."""
    slots: Mapping[str, bool | None] = field(default_factory=dict)
    """Which slots are right; empty if the rater was not asked for slots."""
    weight: float = 1.0
    """1 / the probability with which the image was drawn to be labelled."""
