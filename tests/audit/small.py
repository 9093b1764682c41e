"""A small audit of a built-in checkpoint: four batches, in a few seconds."""

from __future__ import annotations

from pathlib import Path

from prompts.suite import dump_prompts
from prompts.world import Content, write

PARTS = [(colour, shape) for colour in ("red", "blue") for shape in ("circle", "star")]
OPTIONS = [
    *("--judge", "oracle", "--device", "cpu", "--seeds", "2", "--steps", "2"),
    *("--random-weights", "1", "--no-report"),
]
BATCH = ("--batch-size", "2")  # so 4 batches


def write_small_suite(folder: Path) -> Path:
    """A suite of one prompt for each of `PARTS`, written into `folder`."""
    path = folder / "suite.jsonl"
    path.write_text(dump_prompts(tuple(write(Content((part,))) for part in PARTS)))
    return path


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
