"""Several audits made, here or in a process for each GPU, and set side by side."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from t2i_audit.many.one import audit_one
from t2i_audit.many.plan import BOARD, PAGE, AuditsPlan, PlannedAudit
from t2i_audit.many.processes import VISIBLE, audit_side_by_side
from t2i_audit.reporter import SILENT, NamedReporter, Reporter
from t2i_audit.results.leaderboard import Leaderboard

if TYPE_CHECKING:
    from t2i_audit.results.run import Run


@dataclass(frozen=True, eq=False)
class Audits:
    """What became of several audits.

    >>> import t2i_audit as t2i
    >>> audits = t2i.audit_many(
    ...     ["builtin:sound"], out="runs/board", suite="world-smoke", limit=4, seeds=1, steps=2,
    ...     denoiser_station=False,
    ... )
    >>> audits.table.name, audits.page.name
    ('leaderboard.csv', 'leaderboard.html')
    """

    out: Path
    """The folder of their run directories."""
    runs: Mapping[str, Run]
    """The finished ones, by the names of their folders, in the order of the models."""
    failures: Mapping[str, str]
    """Why the others are not finished, one sentence each."""
    board: Leaderboard | None
    """The finished ones side by side; None where none is finished."""

    @property
    def table(self) -> Path:
        """The file of the board."""
        return self.out / BOARD

    @property
    def page(self) -> Path:
        """The board's page."""
        return self.out / PAGE


def execute_audits(plan: AuditsPlan, reporter: Reporter = SILENT) -> Audits:
    """Make the audits of `plan`; what is finished is only checked, and the rest resumed.

    An audit that fails does not stop the others.

    Args:
        plan: from `plan_audits`.
        reporter: receives notes and progress, each with the name of its model.

    Raises:
        AuditError: the board cannot be written.
    """
    from t2i_audit.results.run import load_run

    devices = _devices(plan)
    failures: dict[str, str] = {}
    outcomes = (
        _one_by_one(plan.audits, reporter)
        if len(devices) == 1
        else audit_side_by_side(plan.audits, devices, reporter)
    )
    for name, failure in outcomes:
        if failure is None:
            reporter.note(f"{name} is done")
        else:
            reporter.note(f"{name} failed: {failure}")
            failures[name] = failure
    finished = [each for each in plan.audits if each.name not in failures]
    runs = {each.name: load_run(each.settings.out) for each in finished}
    ordered = {each.name: failures[each.name] for each in plan.audits if each.name in failures}
    return Audits(plan.out, runs, ordered, _write_board(plan.out, list(runs.values()), ordered))


def _write_board(out: Path, runs: Sequence[Run], failures: Mapping[str, str]) -> Leaderboard | None:
    """Write the board of the finished `runs`, and its page; both say which are missing."""
    from t2i_audit.leaderboard import write_leaderboard

    if not runs:
        return None
    return write_leaderboard(
        [run.path for run in runs],
        out / BOARD,
        html=out / PAGE,
        notes=[f"{name} is missing: {why.rstrip('.')}." for name, why in failures.items()],
    )


def _one_by_one(
    audits: Sequence[PlannedAudit], reporter: Reporter
) -> Iterator[tuple[str, str | None]]:
    for each in audits:
        yield each.name, audit_one(each.settings, NamedReporter(reporter, each.name))


def _devices(plan: AuditsPlan) -> tuple[str | None, ...]:
    import torch

    on_gpus = any(each.settings.device in ("auto", "cuda") for each in plan.audits)
    gpus = visible_gpus(torch.cuda.device_count() if on_gpus else 0, os.environ)
    return device_of_each_process(plan.processes, len(plan.audits), gpus)


def visible_gpus(count: int, environment: Mapping[str, str]) -> tuple[str, ...]:
    """The `count` GPUs that this process sees, as CUDA_VISIBLE_DEVICES names them."""
    named = [name.strip() for name in environment.get(VISIBLE, "").split(",") if name.strip()]
    return tuple((named or [str(number) for number in range(count)])[:count])


def device_of_each_process(
    processes: int | None, audits: int, gpus: Sequence[str]
) -> tuple[str | None, ...]:
    """The GPU that each process sees; None for all that there are.

    Args:
        processes: how many are asked for; None for one on each GPU.
        audits: the number of models; more processes would have nothing to do.
        gpus: those that there are; processes take turns where they are fewer.
    """
    count = min(processes or max(1, len(gpus)), audits)
    return tuple(gpus[number % len(gpus)] if gpus else None for number in range(count))
