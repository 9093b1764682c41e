"""Carries out many runs: grouped into ensembles, spread over processes, kept one file a run."""

from __future__ import annotations

import hashlib
import json
import os
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING

from synthetic.settings import RunSettings
from t2i_audit.errors import RunDirectoryError
from t2i_audit.io import read_json, to_json, write_json
from t2i_audit.run.directory import RunDirectory

if TYPE_CHECKING:
    from synthetic.results import RunResult

RUNS_FOLDER = "runs"
# Students trained together, by the widest width it holds for: enough to spread the cost of a call
# over, few enough that their activations stay in the cache.
ENSEMBLE_SIZES = ((64, 16), (128, 8))
# How often a worker looks whether its parent still lives, in seconds.
WATCH_INTERVAL = 1.0

Group = tuple[RunSettings, ...]


def group_runs(runs: Sequence[RunSettings]) -> tuple[Group, ...]:
    """Cut `runs` into ensembles of one shape.

    The cut depends on the runs alone, neither on processes nor on what is done already: a batched
    product may round differently for another number of students.
    """
    by_shape: dict[RunSettings, list[RunSettings]] = {}
    for run in dict.fromkeys(runs):
        by_shape.setdefault(run.batch_key(), []).append(run)
    groups = []
    for shape, members in by_shape.items():
        size = _ensemble_size(shape)
        groups += [tuple(members[start : start + size]) for start in range(0, len(members), size)]
    # The costliest first, so that no process is left alone with one at the end.
    return tuple(sorted(groups, key=_cost, reverse=True))


def carry_out(directory: RunDirectory, groups: Sequence[Group], *, jobs: int, threads: int) -> None:
    """Train, test and probe the runs of `groups` whose files are missing.

    Args:
        directory: the opened run directory; it gets one file a run under ``runs/``.
        groups: ensembles, each trained by one process.
        jobs: processes; 1 works in this one.
        threads: threads a process.
    """
    runs = [run for group in groups for run in group]
    done = {run for run in runs if run_path(directory.path, run).exists()}
    left = [group for group in groups if not done.issuperset(group)]
    # A group that was interrupted while its files were written is trained again as a whole.
    redone = sum(run in done for group in left for run in group)
    with directory.stage("runs", len(runs), done=len(done) - redone) as advance:
        for group, results in _results(left, jobs, threads):
            for run, result in zip(group, results, strict=True):
                write_json(run_path(directory.path, run), result)
            advance(len(group))


def run_path(out: Path, run: RunSettings) -> Path:
    """Where the result of `run` lies, written or not."""
    text = json.dumps(to_json(run), sort_keys=True)
    return out / RUNS_FOLDER / f"{hashlib.sha256(text.encode()).hexdigest()[:20]}.json"


def read_run(out: Path, run: RunSettings) -> RunResult:
    """The result of `run` in the directory `out`.

    Raises:
        RunDirectoryError: it is missing or damaged.
    """
    from synthetic.results import result_from_json

    path = run_path(out, run)
    try:
        return result_from_json(read_json(path))
    except FileNotFoundError as err:
        raise RunDirectoryError(
            f"{out} lacks the run {describe(run)}; the command that began it goes on with it"
        ) from err
    except (OSError, ValueError) as err:
        raise RunDirectoryError(
            f"{path} cannot be used ({err}); delete it and give the same command again"
        ) from err


def describe(run: RunSettings) -> str:
    """A run in a few words."""
    return (
        f"{run.family}, {run.encoding}, {run.support}, width {run.width}, depth {run.depth}, "
        f"train fraction {run.train_fraction:g}, seed {run.seed}"
    )


def train_group(group: Group, threads: int) -> tuple[RunResult, ...]:
    """Train, test and probe the runs of one ensemble; returns their results in order."""
    from synthetic.results import evaluate
    from synthetic.train import make_members, train

    with limited_threads(threads):
        members = make_members(group)
        return evaluate(members, train(members))


@contextmanager
def limited_threads(threads: int) -> Iterator[None]:
    """Let every numerical library use `threads` threads while the block runs."""
    import torch
    from threadpoolctl import threadpool_limits

    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        with threadpool_limits(threads):
            yield
    finally:
        torch.set_num_threads(before)


def _results(
    groups: Sequence[Group], jobs: int, threads: int
) -> Iterator[tuple[Group, tuple[RunResult, ...]]]:
    if jobs == 1 or len(groups) == 1:
        for group in groups:
            yield group, train_group(group, threads)
        return
    # Forked processes would inherit torch's threads in an unknown state.
    context = get_context("spawn")
    with (
        _environment(threads),
        ProcessPoolExecutor(jobs, context, initializer=_watch, initargs=(os.getpid(),)) as pool,
    ):
        futures = {pool.submit(train_group, group, threads): group for group in groups}
        try:
            for future in as_completed(futures):
                yield futures[future], future.result()
        finally:
            for future in futures:
                future.cancel()


@contextmanager
def _environment(threads: int) -> Iterator[None]:
    """Have new processes start with this many threads, before any library counts the cores."""
    names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
    before: Mapping[str, str | None] = {name: os.environ.get(name) for name in names}
    os.environ.update(dict.fromkeys(names, str(threads)))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _watch(parent: int) -> None:
    """End this worker when its parent is gone: a killed parent cannot tell it to."""

    def look() -> None:
        while os.getppid() == parent:
            time.sleep(WATCH_INTERVAL)
        os._exit(1)

    threading.Thread(target=look, daemon=True).start()


def _ensemble_size(shape: RunSettings) -> int:
    if shape.student != "mlp":
        return 1
    return next((size for width, size in ENSEMBLE_SIZES if shape.width <= width), 1)


def _cost(group: Group) -> float:
    run = group[0]
    return len(group) * run.steps * run.tasks * run.samples * float(run.width**2 * run.depth)
