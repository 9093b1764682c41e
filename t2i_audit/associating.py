"""Finished runs read for their associations at three levels."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from prompts.structure import Prompt
from t2i_audit.analysis import associate, weakest_slot
from t2i_audit.analysis.adjusted import difficulties
from t2i_audit.analysis.over_models import (
    PROMPTS,
    ModelFigures,
    model_correlations,
    station_figures,
)
from t2i_audit.analysis.over_points import STRONG, power_of
from t2i_audit.analysis.over_values import type_correlation, value_correlations
from t2i_audit.errors import AuditError
from t2i_audit.io import write_json
from t2i_audit.leaderboard import check_table_path, rank_runs
from t2i_audit.report.associations_figure import ENDINGS, NAME, write_associations_figure
from t2i_audit.results.associations import Associations, RunAssociations
from t2i_audit.results.interval import undefined
from t2i_audit.results.leaderboard import Leaderboard, LeaderboardRow
from t2i_audit.results.run import Run, load_run
from t2i_audit.results.run_prompts import prompts_of
from t2i_audit.results.success import Repeatability
from t2i_audit.results.verdict_rows import primary_rows
from t2i_audit.run.tables import read_rows, table_path
from t2i_audit.stages.results import JudgedImages

FloatArray = NDArray[np.float64]

SEED = 0


def associate_runs(runs: Sequence[Path]) -> Associations:
    """Relate decodability to success within each of `runs`, and over their models.

    Raises:
        RunDirectoryError: a folder holds no finished audit, or its results were changed since.
        AuditError: the runs differ in what success is measured with, or were not probed.
    """
    if not runs:
        raise AuditError("give at least one run directory of a finished audit")
    board = rank_runs(runs)
    if len(board.groups) > 1:
        raise AuditError(_unlike(board))
    read = {row.run: load_run(row.run) for row in board.rows}
    for path, run in read.items():
        if not run.summary.stations:
            raise AuditError(
                f"{path} has no decodability, because no checkpoint was probed beside its images; "
                "judge them again with --probe"
            )
    tables = {path: _Tables(run) for path, run in read.items()}
    within = tuple(_within(row, tables[row.run]) for row in board.rows)
    group = board.groups[0]
    notes = (*group.notes, *board.notes)
    name = group.name.split("(", 1)[1].removesuffix(")")
    if len({row.checkpoint for row in board.rows}) < 2:
        return Associations(name, within, notes=notes)
    # The same audit made twice counts once.
    distinct = {row.identity: row for row in reversed(board.rows)}.values()
    figures = [_figures(row, read[row.run], tables[row.run]) for row in reversed(distinct)]
    models, differences = model_correlations(figures)
    count = max((found.correlation.n for found in models), default=0)
    return Associations(name, within, models, differences, power_of(STRONG, count), notes)


class _Tables:
    """What the tables of a run hold, with prompts as rows."""

    def __init__(self, run: Run) -> None:
        self.prompts = prompts_of(run.path)
        self.rows = read_rows(table_path(run.path, "prompts"), "prompts")
        self.images = JudgedImages.of(self.prompts, primary_rows(run), run.summary.n_seeds)
        self.read, self.words = _decodability(run, self.prompts)
        unknown = Repeatability(undefined(), undefined(), "the run does not tell")
        self.repeatability = run.summary.repeatability or unknown

    @cached_property
    def held_fixed(self) -> dict[str, FloatArray]:
        """What may make a prompt hard whatever is decoded, by name, each ``(n,)``."""
        tokens = [math.nan if row["tokens"] is None else row["tokens"] for row in self.rows]
        return {"tokens": np.array(tokens, dtype=float), **difficulties(self.prompts)}


_BySlot = dict[str, dict[str, FloatArray]]


def _decodability(run: Run, prompts: Sequence[Prompt]) -> tuple[_BySlot, _BySlot]:
    """By station and slot the probability of the true value, and that of the words alone."""
    row_of = {prompt.id: row for row, prompt in enumerate(prompts)}
    own: _BySlot = {}
    words: _BySlot = {}
    for row in read_rows(table_path(run.path, "decodability"), "decodability"):
        station, slot = str(row["station"]), str(row["slot"])
        place = row_of[str(row["prompt_id"])]
        for table, column in ((own, "probability"), (words, "presence_probability")):
            slots = table.setdefault(station, {})
            values = slots.setdefault(slot, np.full(len(prompts), np.nan))
            values[place] = float(str(row[column]))
    return own, words


def _within(row: LeaderboardRow, tables: _Tables) -> RunAssociations:
    images, prompts = tables.images, tables.prompts
    rng = np.random.default_rng(SEED)
    repeats = tables.repeatability
    held_fixed = tables.held_fixed
    weakest = {station: weakest_slot(slots) for station, slots in tables.read.items()}
    return RunAssociations(
        run=row.run,
        model=row.model,
        success=row.success,
        prompts={
            station: associate(
                least,
                images.success,
                images.clusters,
                types=images.types,
                repeatability=repeats,
                presence=weakest_slot(tables.words[station]),
                prompts=prompts,
                held_fixed=held_fixed,
                rng=rng,
            )
            for station, least in weakest.items()
        },
        values={
            station: value_correlations(
                station, prompts, slots, images.success, images.slot_correct
            )
            for station, slots in tables.read.items()
        },
        types={
            station: type_correlation(station, prompts, least, images.success)
            for station, least in weakest.items()
        },
    )


def _figures(row: LeaderboardRow, run: Run, tables: _Tables) -> ModelFigures:
    fixed = tables.held_fixed
    means = {
        name: float(np.nanmean(values)) if not np.isnan(values).all() else math.nan
        for name, values in zip(PROMPTS, (fixed["tokens"], fixed["word frequency"]), strict=True)
    }
    return ModelFigures(
        row.model,
        row.checkpoint,
        row.success,
        {name: station_figures(station, means) for name, station in run.summary.stations.items()},
    )


def _unlike(board: Leaderboard) -> str:
    first = board.groups[0]
    other = next(group for group in board.groups if group.number == 2)
    run = next(row.run for row in board.rows if row.group == 2)
    why = other.notes[0].split(": ", 1)[-1].rstrip(".") if other.notes else "they differ"
    return (
        f"{run} cannot be compared with the other runs: {why}; give runs of one suite and judge, "
        f"with the same numbers of prompts and seeds ({first.name})"
    )


def check_output(output: Path, runs: Sequence[Path]) -> None:
    """Refuse an `output` that is no place for the figure, before anything is read.

    Raises:
        AuditError: it is neither a folder nor a ``.png`` or ``.svg``, or it lies in one of the
            `runs`, or cannot be written.
    """
    if output.suffix and not output.is_dir() and output.suffix[1:].lower() not in ENDINGS:
        raise AuditError(
            f"-o should name a folder, or a figure that ends in .png or .svg; got {output}"
        )
    if not output.suffix and output.exists() and not output.is_dir():
        raise AuditError(f"{output} is a file; give -o a folder, or a name in .png or .svg")
    for path in _files(output):
        check_table_path(path, runs)


def write_associations(found: Associations, output: Path) -> tuple[Path, ...]:
    """Draw the figure at `output`, or write all into the folder `output`; returns the files.

    Raises:
        AuditError: `output` cannot be written.
    """
    files = _files(output)
    try:
        for path in files:
            if path.suffix == ".json":
                write_json(path, found)
            else:
                write_associations_figure(found, path)
    except OSError as err:
        raise AuditError(f"{output} cannot be written: {err.strerror}; give another -o") from err
    return files


def _files(output: Path) -> tuple[Path, ...]:
    if output.suffix and not output.is_dir():
        return (output,)
    return tuple(output / f"{NAME}.{ending}" for ending in ("json", *ENDINGS))
