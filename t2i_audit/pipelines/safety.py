"""What a pipeline does to a finished image: its safety checker and its watermarker."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

# Flaws of images that are not shown to a judge.
BLOCKED = "blacked out by the safety checker"
NOT_FINITE = "not finite"
FLAT = "one flat colour"
IMAGE_FLAWS = (BLOCKED, NOT_FINITE, FLAT)
# DeepFloyd IF's component is called `watermarker`; it leaves images that are returned as arrays
# alone, and arrays are what this package asks for.
WATERMARKER, CHECKER = "watermark", "safety_checker"


def watermarker_name(pipeline: Any) -> str | None:
    """Class of the watermarker that changes the images of `pipeline`; None without one."""
    found = getattr(pipeline, WATERMARKER, None)
    return type(found).__name__ if hasattr(found, "apply_watermark") else None


def checker_name(pipeline: Any) -> str | None:
    """Class of the safety checker that may black out images of `pipeline`; None without one."""
    found = getattr(pipeline, CHECKER, None)
    return None if found is None else type(found).__name__


def safety_notes(
    judged: Sequence[Mapping[str, Any]], *, checker: str | None, watermarker: str | None
) -> list[str]:
    """What a reader must know of images that the pipeline changed after they were drawn.

    Args:
        judged: rows of the table ``judgements``.
        checker: class of the pipeline's safety checker.
        watermarker: class of its watermarker.
    """
    notes = []
    blocked = sum(row["flaw"] == BLOCKED for row in judged)
    if checker is not None or blocked:
        notes.append(
            f"The checkpoint's safety checker blacked out {blocked} of {len(judged)} images; such "
            "images count neither as right nor as wrong."
        )
    if watermarker is not None:
        notes.append(
            f"{watermarker} puts a watermark into the images before they are judged; it may leave "
            "small ones as they are."
        )
    return notes
