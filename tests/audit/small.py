"""A small audit of a built-in checkpoint: four batches, in a few seconds."""

from __future__ import annotations

from pathlib import Path

PARTS = [(colour, shape) for colour in ("red", "blue") for shape in ("circle", "star")]
OPTIONS = ["--judge", "oracle", "--device", "cpu", "--seeds", "2", "--steps", "2", "--no-report"]
BATCH = ("--batch-size", "2")  # so 4 batches


def arguments(suite: Path, out: Path, *more: str) -> list[str]:
    return [
        "audit",
        "builtin:sound",
        *OPTIONS,
        *BATCH,
        "--suite",
        str(suite),
        "--out",
        str(out),
        *more,
    ]


def results(out: Path) -> dict[str, bytes]:
    files = [*out.glob("*.parquet"), out / "summary.json", *(out / "images").glob("*.png")]
    return {str(file.relative_to(out)): file.read_bytes() for file in sorted(files)}
