"""Several small audits of built-in checkpoints, each in a second or two."""

from __future__ import annotations

from pathlib import Path

SOUND, PATCHY = "builtin:sound", "builtin:patchy"
OPTIONS = (
    "--judge oracle --device cpu --seeds 2 --steps 2 --batch-size 2 --random-weights 1 "
    "--no-denoiser-station"
)
IMAGES = 8


def arguments(suite: Path, out: Path, *models: str) -> list[str]:
    """The command line; `models` may hold further options."""
    return ["audit", *models, "--suite", str(suite), "--out", str(out), *OPTIONS.split()]
