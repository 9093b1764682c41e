"""The rows of a file of labels, before it is known to which images of a run they belong."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from prompts.structure import Prompt


@dataclass(frozen=True)
class Verdict:
    """What a row says of an image, once its prompt is known."""

    correct: bool | None = None
    """Whether the image shows the whole prompt."""
    slots: Mapping[str, bool | None] = field(default_factory=dict)
    """Which slots are right; None where the rater cannot tell."""
    fault: str = ""
    """Why the row cannot be used; empty if it can."""
    passed_over: tuple[str, ...] = ()
    """Which of its answers belong to no slot of the prompt, each as a reason."""


@dataclass(frozen=True)
class Row:
    """What one rater says of one image, by the names that the file gives to both.

    The image is found by the first of `image`, `prompt_id` and `text` that is not empty, and what
    else is known of it must agree.
    """

    where: str
    """Place in the file, e.g. ``line 3``."""
    rater: str
    verdict: Callable[[Prompt], Verdict]
    image: str = ""
    """File name of the image."""
    prompt_id: str = ""
    text: str = ""
    """The prompt's own words, where the file names prompts by these."""
    seed: int | None = None
    """Index of the image among those of its prompt; None is the first where it must be known."""
    sha256: str = ""
    """Of the image's bytes."""
    weight: float = 1.0


@dataclass(frozen=True)
class LeftOut:
    """A row, or an answer of a row, that is not used."""

    where: str
    reason: str


@dataclass(frozen=True)
class LabelFile:
    """A file of labels as it was read."""

    source: str
    """How it was named, with its format."""
    sha256: str
    rule: str
    """How its answers become labels, in a sentence."""
    rows: tuple[Row, ...]
    left_out: tuple[LeftOut, ...] = ()
