"""Break an audit at random points of every stage, give the same command again, compare.

    python -m scripts.faults [--points N] [--seed N] [--fault kill|full] [--folder DIR]
    python -m scripts.faults --engine ray [--points N] [--seed N] [--folder DIR]

A point is a stage and a moment within it. There the process is killed (SIGKILL), or its disk is
full (no file may grow any more). The same command must then end with the tables, summary and
images of an undisturbed run, byte for byte. Prints one row a point; the exit code is 1 if any
differs. Audits are forked from one process that has imported the libraries, so a point takes
seconds. For the second form see `scripts.engine_faults`.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import resource
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from pathlib import Path

from rich.console import Console
from rich.table import Table

from prompts.suite import dump_prompts
from prompts.world import Content, write
from t2i_audit.io import write_text

OPTIONS = "--judge oracle --device cpu --seeds 2 --batch-size 4 --steps 2"
COMMAND = ["audit", "builtin:sound", *OPTIONS.split()]
COLOURS, SHAPES = ("red", "blue"), ("circle", "square", "star")
SUITE = "suite.jsonl"
# Before the manifest is there, the run is in no stage.
START = "start"
FAULTS = ("kill", "full")
# What the program says of the second.
FULL = re.compile(r"the disk is full|may not grow as large")
POLL = 0.001  # seconds
# What an audit imports by and by, pandas by way of pyarrow.
IMPORTED = (
    "matplotlib.backends.backend_agg",
    "matplotlib.backends.backend_svg",
    "matplotlib.figure",
    "pandas",
    "pyarrow.parquet",
    "t2i_audit.audit",
    "t2i_audit.report.terminal",
    "t2i_audit.stages.judge_facts",
    "t2i_audit.stages.judging",
    "t2i_audit.stages.results",
    "t2i_audit.stages.text",
)


@dataclass(frozen=True)
class Point:
    """Where and how one audit is broken."""

    stage: str
    share: float
    """How far into the stage, of the time it took undisturbed."""
    fault: str


@dataclass(frozen=True)
class Audit:
    """A forked audit."""

    process: int
    said: int
    """The file descriptor of what it prints."""

    def wait(self) -> tuple[int, str]:
        """Its exit code (negative: the signal that ended it) and what it printed."""
        with os.fdopen(self.said, encoding="utf-8") as pipe:
            text = pipe.read()
        _, status = os.waitpid(self.process, 0)
        return os.waitstatus_to_exitcode(status), text


def fork_audit(out: Path, *options: str) -> Audit:
    """Start the audit in `out` in a process of its own; it prints into a pipe."""
    reading, writing = os.pipe()
    process = os.fork()
    if process:
        os.close(writing)
        return Audit(process, reading)
    code = 1
    try:
        os.setpgid(0, 0)
        os.dup2(writing, 1)
        os.dup2(writing, 2)
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        from t2i_audit.cli.main import main as program

        where = ("--suite", str(out.parent / SUITE), "--out", str(out))
        code = program([*COMMAND, *where, *options])
        sys.stdout.flush()
    finally:
        os._exit(code)


def stage_of(out: Path) -> str:
    """The stage that the run in `out` is in, or was last in."""
    try:
        manifest = (out / "manifest.json").stat()
    except FileNotFoundError:
        return START
    return _stage_in(out / "manifest.json", manifest.st_ino, manifest.st_mtime_ns)


@lru_cache(maxsize=1)
def _stage_in(manifest: Path, *_: int) -> str:
    """`stage_of`, read anew only where the file has another number or time: it is asked often."""
    stages = json.loads(manifest.read_text(encoding="utf-8"))["stages"]
    entered = [name for name, state in stages.items() if state["state"] != "pending"]
    return entered[-1] if entered else START


def undisturbed(out: Path, *options: str) -> dict[str, float]:
    """Run the audit in `out`; the seconds it spent in each stage."""
    audit = fork_audit(out, *options)
    durations: Counter[str] = Counter()
    last = time.monotonic()
    while os.waitid(os.P_PID, audit.process, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
        time.sleep(POLL)
        now = time.monotonic()
        durations[stage_of(out)] += now - last  # type: ignore[assignment]
        last = now
    code, said = audit.wait()
    if code:
        raise SystemExit(f"the undisturbed audit failed: {said}")
    return dict(durations)


def break_at(out: Path, point: Point, seconds: float) -> tuple[int, str]:
    """Run the audit in `out` and break it at `point`; its exit code and what it printed."""
    audit = fork_audit(out)
    order = [START, *stages_in(out.parent / "whole")]

    def over() -> bool:
        options = os.WEXITED | os.WNOHANG | os.WNOWAIT
        return os.waitid(os.P_PID, audit.process, options) is not None

    while order.index(stage_of(out)) < order.index(point.stage) and not over():
        time.sleep(POLL)
    time.sleep(point.share * seconds)
    if not over():
        if point.fault == "kill":
            os.kill(audit.process, signal.SIGKILL)
        else:
            _, hard = resource.prlimit(audit.process, resource.RLIMIT_FSIZE)
            resource.prlimit(audit.process, resource.RLIMIT_FSIZE, (0, hard))
    return audit.wait()


def stages_in(out: Path) -> list[str]:
    """Names of the stages of the run in `out`, in order."""
    return list(json.loads((out / "manifest.json").read_text(encoding="utf-8"))["stages"])


def results(out: Path) -> dict[str, bytes]:
    """All that a run is about: tables, summary and images."""
    files = [*out.glob("*.parquet"), out / "summary.json", *(out / "images").glob("*.png")]
    return {str(file.relative_to(out)): file.read_bytes() for file in sorted(files)}


def draw_points(count: int, stages: list[str], faults: tuple[str, ...], seed: int) -> list[Point]:
    """`count` points, the stages in turn, moments drawn from `seed`."""
    rng = random.Random(seed)
    return [
        Point(stages[i % len(stages)], rng.random(), faults[(i // len(stages)) % len(faults)])
        for i in range(count)
    ]


def main(argv: list[str] | None = None) -> int:
    """Run the harness; returns the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--points", type=int, default=56)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--fault", choices=FAULTS, help="only this one; else they take turns")
    parser.add_argument("--folder", type=Path, help="where to work; a temporary one if not given")
    parser.add_argument("--engine", choices=("ray",), help="have actors of a cluster make images")
    arguments = parser.parse_args(argv)
    if arguments.engine:
        # Each node has one processor, and a process rounds by the number of its threads.
        os.environ["OMP_NUM_THREADS"] = "1"
    # Imported before the forks, and nothing run with them: threads do not survive a fork.
    for name in IMPORTED:
        import_module(name)
    import diffusers
    from diffusers import StableDiffusionPipeline  # noqa: F401
    from transformers import CLIPTextModel, CLIPTokenizer  # noqa: F401

    diffusers.utils.logging.disable_progress_bar()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(arguments.folder or temporary)
        # Few values and one object a prompt: few probes, so that a point takes seconds.
        contents = [Content(((colour, shape),)) for colour in COLOURS for shape in SHAPES]
        write_text(folder / SUITE, dump_prompts(tuple(write(content) for content in contents)))
        if arguments.engine:
            from scripts.engine_faults import break_actors

            return break_actors(arguments.points, arguments.seed, folder)
        return _run(arguments, folder)


def _run(arguments: argparse.Namespace, folder: Path) -> int:
    whole = folder / "whole"
    durations = undisturbed(whole)
    expected = results(whole)
    faults = (arguments.fault,) if arguments.fault else FAULTS
    points = draw_points(arguments.points, stages_in(whole), faults, arguments.seed)
    table = Table("#", "stage", "moment", "fault", "ended with", "the same command")
    broken = failed = 0
    for number, point in enumerate(points, start=1):
        out = folder / f"point-{number}"
        code, said = break_at(out, point, durations.get(point.stage, 0.0))
        again, later = fork_audit(out).wait()
        problem = _problem(point, code, said, again, later)
        if not problem and results(out) != expected:
            problem = "other results"
        broken += code != 0
        failed += bool(problem)
        moment = f"{point.share:.2f} of {durations.get(point.stage, 0.0):.2f} s"
        outcome = problem or "equal"
        table.add_row(str(number), point.stage, moment, point.fault, str(code), outcome)
        print(f"{number}/{len(points)} {point.stage}: {point.fault}, {outcome}", file=sys.stderr)
        shutil.rmtree(out)
    screen = Console(width=120)
    screen.print(table)
    screen.print(
        f"{len(points)} points (seed {arguments.seed}): {broken} broke the audit, "
        f"{len(points) - broken} came after its end; {failed} failures"
    )
    return 1 if failed else 0


def _problem(point: Point, code: int, said: str, again: int, later: str) -> str:
    if "Traceback" in said + later:
        return f"a traceback: {(said + later)[-300:]}"
    if again:
        return f"exit code {again}: {later[-300:]}"
    if code and point.fault == "full":
        # What the audit says as it starts stands above; the last line is the fault's.
        last = said.strip().splitlines()[-1:]
        if code != 2 or not (last and last[0].startswith("t2i-audit: ") and FULL.search(last[0])):
            return f"exit code {code}, not one sentence: {said[-300:]}"
    return ""


if __name__ == "__main__":
    raise SystemExit(main())
