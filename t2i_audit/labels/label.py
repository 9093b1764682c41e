"""One rater's opinion on one image of a run, and all such opinions in a file."""

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
    """Which slots are right, None where the rater cannot tell; a slot not asked for is absent."""
    weight: float = 1.0
    """1 / the probability with which the image was drawn to be labelled."""


@dataclass(frozen=True)
class ImageKey:
    """An image of a run, by every name that a file of labels may know it by."""

    prompt_id: str
    seed: int
    names: tuple[str, ...] = ()
    """Names of its file: in the run directory first, then where it came from, if from elsewhere."""
    sha256: str = ""
    """Of the file's bytes; empty if unknown."""


@dataclass(frozen=True)
class Labels:
    """The labels of a file that belong to images of a run."""

    labels: tuple[Label, ...]
    source: str
    """How the file was named, with its format, e.g. ``geneval:annotations_sdv2.csv``."""
    sha256: str
    """Of the file's bytes."""
    rule: str
    """How its answers became labels, in a sentence."""
    notes: tuple[str, ...] = ()
    """What was left out and why, counted and named; whole sentences."""
