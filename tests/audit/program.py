"""The program as its user starts it, on a small audit of a built-in checkpoint."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

PROMPTS, SEEDS, BATCH_SIZE = 40, 2, 16


def command(out: Path, *changes: str) -> list[str]:
    """A small audit of a built-in checkpoint; later options overrule earlier ones."""
    fixed = (
        "--suite world-smoke --judge oracle --device cpu --random-weights 1 "
        f"--limit {PROMPTS} --seeds {SEEDS} --batch-size {BATCH_SIZE}"
    )
    return [
        *(sys.executable, "-m", "t2i_audit", "audit", "builtin:sound"),
        *(*fixed.split(), "--out", str(out), *changes),
    ]


def run(arguments: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(arguments, capture_output=True, text=True, timeout=500)
