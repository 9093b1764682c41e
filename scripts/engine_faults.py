"""Lose actors, nodes and drivers of audits on a Ray cluster at random points, and compare.

    python -m scripts.faults --engine ray [--points N] [--seed N] [--folder DIR]

Every audit is struck three times: while it samples, judges, and samples with random weights. What
is killed (SIGKILL) is an actor, a node with all that runs there, or the driver, after which the
same command is given again; a lost node is started again before the next audit. All must end with
the tables, summary and images of an audit without an engine, byte for byte.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console
from rich.table import Table

from scripts.fault_cluster import Nodes, two_nodes
from scripts.faults import (
    POLL,
    START,
    Audit,
    Point,
    fork_audit,
    results,
    stage_of,
    stages_in,
    undisturbed,
)

STAGES = ("images", "judge", "random denoiser")
FAULTS = ("actor", "node", "driver")
# More batches than actors.
BATCHES = ("--batch-size", "2")
NOTHING = "nothing to lose"


def break_actors(count: int, seed: int, folder: Path) -> int:
    """Strike audits at `count` points drawn from `seed`; returns the exit code."""
    undisturbed(folder / "whole", *BATCHES)
    expected = results(folder / "whole")
    failed = hit = 0
    table = Table("#", "audit", "stage", "moment", "fault", "what came of it")
    with two_nodes() as nodes:
        options = (*BATCHES, "--engine", f"ray:{nodes.address}")
        durations = undisturbed(folder / "engine", *options)
        if results(folder / "engine") != expected:
            raise SystemExit("the undisturbed audit with the engine has other results")
        for number, points in enumerate(_audits(count, seed), start=1):
            out = folder / f"audit-{number}"
            struck, problem = _strike(out, points, durations, nodes, options)
            if not problem and results(out) != expected:
                problem = "other results"
            failed += bool(problem)
            for point, how in zip(points, struck, strict=True):
                hit += how != NOTHING
                moment = f"{point.share:.2f} of {durations.get(point.stage, 0.0):.2f} s"
                row = (str(table.row_count + 1), str(number), point.stage, moment, point.fault)
                table.add_row(*row, how)
            print(f"audit {number}: {', '.join(struck)}; {problem or 'equal'}", file=sys.stderr)
            shutil.rmtree(out, ignore_errors=True)
            nodes.restore()
    screen = Console(width=120)
    screen.print(table)
    screen.print(
        f"{count} points (seed {seed}): {hit} kills, {count - hit} found nothing to lose; "
        f"{failed} of {number} audits failed or have other results"
    )
    return 1 if failed else 0


def _audits(count: int, seed: int) -> Iterator[list[Point]]:
    """The points of each audit, stage by stage; every fault meets every stage in turn."""
    rng = random.Random(seed)
    points = [Point(STAGES[i % 3], rng.random(), FAULTS[(i + i // 3) % 3]) for i in range(count)]
    for start in range(0, count, 3):
        yield points[start : start + 3]


def _strike(
    out: Path,
    points: list[Point],
    durations: dict[str, float],
    nodes: Nodes,
    options: tuple[str, ...],
) -> tuple[list[str], str]:
    """What each of `points` did to the audit in `out`, and what went wrong; empty if nothing."""
    audit = fork_audit(out, *options)
    struck: list[str] = []
    for point in points:
        _wait_for(out, point, audit)
        time.sleep(point.share * durations.get(point.stage, 0.0))
        if _is_over(audit):
            struck.append(NOTHING)
        elif point.fault == "driver":
            os.kill(audit.process, signal.SIGKILL)
            _, said = audit.wait()
            if "Traceback" in said:
                return [*struck, *[NOTHING] * (len(points) - len(struck))], said[-300:]
            struck.append("killed")
            audit = fork_audit(out, *options)
        elif point.fault == "node":
            nodes.lose_one()
            struck.append("lost")
        else:
            struck.append("killed" if nodes.kill_actor(random.Random(point.share)) else NOTHING)
    code, said = audit.wait()
    problem = f"exit code {code}: {said[-300:]}" if code or "Traceback" in said else ""
    return struck, problem


def _wait_for(out: Path, point: Point, audit: Audit) -> None:
    order = [START, *stages_in(out.parent / "whole")]
    while order.index(stage_of(out)) < order.index(point.stage) and not _is_over(audit):
        time.sleep(POLL)


def _is_over(audit: Audit) -> bool:
    options = os.WEXITED | os.WNOHANG | os.WNOWAIT
    return os.waitid(os.P_PID, audit.process, options) is not None
