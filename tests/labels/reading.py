"""Prompts and images that tests of labels are about."""

from __future__ import annotations

from pathlib import Path

from prompts.world import Content, write
from t2i_audit.labels.label import ImageKey, Labels
from t2i_audit.labels.read import read_labels

STAR = write(Content((("red", "star"),)))
PAIR = write(Content((("red", "star"), ("blue", "cross")), "above"))
PROMPTS = (STAR, PAIR)
IMAGES = tuple(
    ImageKey(prompt.id, seed, (f"images/{row:06d}_{seed:03d}.png",), f"sha{row}{seed}")
    for row, prompt in enumerate(PROMPTS)
    for seed in (0, 1)
)
FIRST, SECOND = (image.names[0] for image in IMAGES[:2])


def read(path: Path, text: str | bytes, format: str = "") -> Labels:
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_labels(f"{format}:{path}" if format else str(path), PROMPTS, IMAGES)
