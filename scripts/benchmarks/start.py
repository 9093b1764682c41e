"""The start of an audit, until it encodes its first prompt."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from scripts.benchmarks.line import Line, over

MODEL, SUITE = "sound", "world-relations"
# Both sides stop where a network of theirs is called for the first time: that of the text encoder.
STOPPING = """
import os
from torch.nn.modules.module import register_module_forward_pre_hook
register_module_forward_pre_hook(lambda module, arguments: os._exit(0))
"""
OURS = """
import sys
from t2i_audit.cli.main import main
sys.exit(main(sys.argv[1:]) or 1)
"""
BARE = """
import sys
from diffusers import DiffusionPipeline
pipeline = DiffusionPipeline.from_pretrained(sys.argv[1])
pipeline.encode_prompt("a red circle", "cpu", 1, False)
sys.exit(1)
"""


def start(rounds: int, limit: int) -> list[Line]:
    """`audit` against what loads the same pipeline with diffusers alone; both in processor time.

    The time of the processor, and not that of the clock, as the first reading of so many files
    takes as long as the disk does.
    """
    from t2i_audit.models.builtin import builtin_folder

    with tempfile.TemporaryDirectory() as folder:
        options = ("--suite", SUITE, "--limit", str(limit), "--out", str(Path(folder) / "run"))
        audit = ("audit", f"builtin:{MODEL}", *options, "--device", "cpu")
        bare = (str(builtin_folder(MODEL)),)
        ours: list[float] = []
        others: list[float] = []
        for number in range(rounds):
            # A machine's clock drifts within a round, so each side comes first in its turn.
            for is_ours in (number % 2 == 0, number % 2 == 1):
                seconds = _seconds(OURS, audit) if is_ours else _seconds(BARE, bare)
                (ours if is_ours else others).append(seconds)
    what = "start of `audit` until its first encoding, over loading the pipeline alone (CPU s)"
    return [Line(what, tuple(ours), over(ours, others), "<= 4 s")]


def _seconds(code: str, arguments: tuple[str, ...]) -> float:
    """The processor's seconds in a process that runs `code`, those of the system included."""
    process = subprocess.Popen(
        [sys.executable, "-c", STOPPING + code, *arguments],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError("a side of the bench ended before it encoded anything")
    return usage.ru_utime + usage.ru_stime
