"""What a pipeline does to a finished picture: its safety checker and its watermarker."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

BLOCKED = "blacked out by the safety checker"
# Under either name, in a component or beside them.
WATERMARKERS = ("watermark", "watermarker")


def watermarker_name(pipeline: Any) -> str | None:
    """Class of the watermarker that changes the pictures of `pipeline`; None without one."""
    for name in WATERMARKERS:
        found = getattr(pipeline, name, None)
        if hasattr(found, "apply_watermark"):
            return type(found).__name__
    return None


def safety_notes(pipeline: Any, judged: Sequence[Mapping[str, Any]]) -> list[str]:
    """What a reader must know of pictures that `pipeline` changed by itself.

    Args:
        pipeline: the checkpoint's.
        judged: rows of the table ``judgements``.
    """
    notes = []
    blocked = sum(row["flaw"] == BLOCKED for row in judged)
    checker = getattr(pipeline, "safety_checker", None)
    if checker is not None or blocked:
        notes.append(
            f"The checkpoint's safety checker blacked out {blocked} of {len(judged)} images; such "
            "images count neither as right nor as wrong."
        )
    watermarker = watermarker_name(pipeline)
    if watermarker is not None:
        notes.append(
            f"{watermarker} puts a watermark into the images before they are judged; it may leave "
            "small ones as they are."
        )
    return notes
