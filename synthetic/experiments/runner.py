"""Carries out many runs: as ensembles, in several processes, with one file per result."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

from synthetic.evaluation.evaluate import evaluate
from synthetic.evaluation.results import RunResult
from synthetic.evaluation.run_files import run_path, write_run
from synthetic.settings import RunSettings
from synthetic.tasks.make import make_family, make_task_encoder
from synthetic.training.ensemble import make_ensemble, support_of
from synthetic.training.process_state import limited_threads, thread_variables
from synthetic.training.state import SAVE_SECONDS, read_state, train_and_save
from synthetic.training.train import train
from t2i_audit.errors import AuditError
from t2i_audit.run.directory import RunDirectory

# The number of students trained together, for widths up to each limit: enough to spread the cost of
# a call, few enough that their activations stay in the cache.
ENSEMBLE_SIZES = ((64, 16), (128, 8))
STATES_FOLDER = "states"
# How often a worker checks whether its parent is still alive, in seconds.
WATCH_INTERVAL = 1.0

Group = tuple[RunSettings, ...]
"""The runs of one ensemble."""


@dataclass(frozen=True)
class Work:
    """How and where groups are trained."""

    jobs: int = 1
    """Number of processes; with 1 the work is done in this one."""
    threads: int = 1
    """Threads per process."""
    device: str = "cpu"
    save_every: float = SAVE_SECONDS
    """Seconds of training between two saved states."""


def group_runs(runs: Sequence[RunSettings], device: str = "cpu") -> tuple[Group, ...]:
    """Divide `runs` into groups of one shape, each of which is trained as an ensemble on `device`.

    The groups depend on the runs alone, neither on the processes nor on which runs are finished:
    a batched product may round differently for another number of students.
    """
    by_shape: dict[RunSettings, list[RunSettings]] = {}
    for run in dict.fromkeys(runs):
        by_shape.setdefault(run.ensemble_key(), []).append(run)
    groups = []
    for shape, members in by_shape.items():
        size = _ensemble_size(shape) if device == "cpu" else len(members)
        groups += [tuple(members[start : start + size]) for start in range(0, len(members), size)]
    # The most expensive first, so that no process is left with one of these at the end.
    return tuple(sorted(groups, key=_cost, reverse=True))


def require_possible(runs: Sequence[RunSettings]) -> None:
    """Set up the tasks of each kind of run once, so that work does not start in vain.

    Raises:
        AuditError: a kind of run cannot be set up, or there are no runs.
    """
    if not runs:
        raise AuditError("the grid is empty; give at least one value for each option")
    kinds: dict[tuple[object, ...], RunSettings] = {}
    for run in runs:
        kinds.setdefault((run.task, run.support, run.train_fraction), run)
    for run in kinds.values():
        family = make_family(run.task, [0])
        make_task_encoder(run.task, family, [0])
        support_of(run, family)


def carry_out(
    directory: RunDirectory,
    groups: Sequence[Group],
    work: Work,
    written: Callable[[], object] = lambda: None,
) -> None:
    """Train, test and probe the runs of `groups` whose result files are missing.

    A group that was interrupted goes on from its last state under ``states/``.

    Args:
        directory: the open run directory; it gets one file per run under ``runs/``.
        groups: the runs of the ensembles, each of which is trained by one process.
        work: how they are trained.
        written: called when the results of a further group are in their files.
    """
    runs = [run for group in groups for run in group]
    done = {run for run in runs if run_path(directory.path, run).exists()}
    remaining = [group for group in groups if not done.issuperset(group)]
    # A group that was interrupted while its files were written is trained again as a whole.
    repeated = sum(run in done for group in remaining for run in group)
    with directory.stage("runs", len(runs), done=len(done) - repeated) as advance:
        for results in _results(directory.path, remaining, work):
            for result in results:
                write_run(directory.path, result)
            state = _state_path(directory.path, tuple(one.settings for one in results))
            state.unlink(missing_ok=True)
            written()
            advance(len(results))
    with suppress(OSError):  # there is none, or it holds the state of other groups
        (directory.path / STATES_FOLDER).rmdir()


def train_group(group: Group, work: Work, state: Path | None = None) -> tuple[RunResult, ...]:
    """Train, test and probe the runs of one ensemble; the results are in the same order.

    Args:
        group: the runs.
        work: how they are trained.
        state: where the training's state is kept, and resumed from if it is there.
    """
    import torch

    device = torch.device(work.device)
    with limited_threads(work.threads):
        ensemble = make_ensemble(group)
        if state is None:
            return evaluate(ensemble, train(ensemble, device=device))
        curve = train_and_save(
            ensemble,
            state,
            resume=read_state(state),
            device=device,
            save_every=work.save_every,
        )
        return evaluate(ensemble, curve)


def _state_path(out: Path, group: Group) -> Path:
    return out / STATES_FOLDER / f"{run_path(out, group[0]).stem}.pt"


def _results(out: Path, groups: Sequence[Group], work: Work) -> Iterator[tuple[RunResult, ...]]:
    if work.jobs == 1 or len(groups) == 1:
        for group in groups:
            yield train_group(group, work, _state_path(out, group))
        return
    # Forked processes would inherit torch's threads in an unknown state.
    context = get_context("spawn")
    with (
        thread_variables(work.threads),
        ProcessPoolExecutor(
            work.jobs, context, initializer=_watch, initargs=(os.getpid(),)
        ) as pool,
    ):
        futures = [
            pool.submit(train_group, group, work, _state_path(out, group)) for group in groups
        ]
        try:
            for future in as_completed(futures):
                yield future.result()
        finally:
            for future in futures:
                future.cancel()


def _watch(parent: int) -> None:
    """End this worker once its parent is gone: a killed parent cannot do so."""

    def check() -> None:
        while os.getppid() == parent:
            time.sleep(WATCH_INTERVAL)
        os._exit(1)

    threading.Thread(target=check, daemon=True).start()


def _ensemble_size(shape: RunSettings) -> int:
    if shape.student != "mlp":
        return 1
    return next((size for width, size in ENSEMBLE_SIZES if shape.width <= width), 1)


def _cost(group: Group) -> float:
    run = group[0]
    return len(group) * run.steps * run.tasks * run.samples * float(run.width**2 * run.depth)
