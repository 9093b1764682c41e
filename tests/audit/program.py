"""The program as its user starts it, on a small audit of a built-in checkpoint."""

from __future__ import annotations

import io
import sys
from collections.abc import Sequence
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from subprocess import CompletedProcess

from t2i_audit.cli.main import main

PROGRAM = (sys.executable, "-m", "t2i_audit")
PROMPTS, SEEDS, BATCH_SIZE = 24, 2, 16


def command(out: Path, *changes: str) -> list[str]:
    """A small audit of a built-in checkpoint; later options overrule earlier ones."""
    fixed = (
        "--suite world-smoke --judge oracle --device cpu --random-weights 1 --no-report "
        f"--limit {PROMPTS} --seeds {SEEDS} --batch-size {BATCH_SIZE}"
    )
    return ["audit", "builtin:sound", *fixed.split(), "--out", str(out), *changes]


def run(words: Sequence[str]) -> CompletedProcess[str]:
    """What the program says and how it ends, in this process, which imports it only once."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        code = main(list(words))
    return CompletedProcess(words, code, out.getvalue(), err.getvalue())
