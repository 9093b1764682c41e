"""Two audits on one machine at once."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from scripts.benchmarks.line import Line, over, timed

MODEL, SUITE, SEEDS = "builtin:patchy", "world-relations", 2
PROMPTS = 60


def beside(rounds: int, limit: int) -> list[Line]:
    """Two audits side by side against one after the other, each in a process of its own."""
    prompts = min(limit, PROMPTS)

    def audits(*, at_once: bool) -> None:
        with tempfile.TemporaryDirectory() as folder:
            running: list[subprocess.Popen[bytes]] = []
            for name in ("first", "second"):
                running.append(_start(Path(folder) / name, prompts))
                if not at_once:
                    running[-1].wait()
            if any(process.wait() for process in running):
                raise RuntimeError("an audit of the bench failed; see its message above")

    together: list[float] = []
    apart: list[float] = []
    for number in range(rounds):
        # A machine's clock drifts within a round, so each side comes first in its turn.
        for at_once in (number % 2 == 0, number % 2 == 1):
            seconds = timed(lambda at_once=at_once: audits(at_once=at_once))  # type: ignore[misc]
            (together if at_once else apart).append(seconds)
    what = f"two audits of {prompts} prompts x {SEEDS} seeds, side by side over one after the other"
    return [Line(what, tuple(together), over(together, apart), "<= 1.15")]


def _start(out: Path, prompts: int) -> subprocess.Popen[bytes]:
    options = ("--suite", SUITE, "--seeds", str(SEEDS), "--limit", str(prompts), "--out", str(out))
    return subprocess.Popen(
        [sys.executable, "-m", "t2i_audit", "audit", MODEL, *options, "--device", "cpu"],
        stdout=subprocess.DEVNULL,
    )
