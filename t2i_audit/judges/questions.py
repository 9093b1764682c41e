"""The questions by which a judge that answers in words judges an image of a prompt."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Question:
    """A question about an image whose right answer is yes where the image shows the prompt."""

    slot: str
    """The slot whose constituent is asked for; empty for the whole caption."""
    text: str
    """The question itself, without instructions on how to answer, e.g. ``Is the cube red?``."""
