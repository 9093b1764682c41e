"""Cells drawn by several processes."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import replace
from pathlib import Path

import numpy as np

from scripts.simulations.cells import Cell, Draw
from scripts.simulations.keeping import keep, kept_draws, seed_of
from scripts.simulations.sections import all_cells
from t2i_audit.reporter import Reporter

CHUNK = 10  # draws that a process makes at a time


def cells_of(only: Sequence[str], *, quick: bool) -> list[Cell]:
    """The cells of the sections in `only`, or all; with `quick` a tenth of their draws."""
    chosen = [cell for cell in all_cells().values() if not only or cell.section in only]
    if not quick:
        return chosen
    return [replace(cell, draws=max(5, cell.draws // 10)) for cell in chosen]


def draw(key: str, draws: Sequence[int], *, seed: int) -> tuple[list[Draw], float]:
    """Some draws of a cell, and the seconds of a core that they took."""
    start = time.process_time()
    cell = all_cells()[key]
    made = [cell.simulate(np.random.default_rng(seed_of(cell, one, seed=seed))) for one in draws]
    return made, time.process_time() - start


def run(
    cells: Sequence[Cell],
    folder: Path,
    *,
    seed: int,
    version: str,
    processes: int,
    reporter: Reporter,
) -> dict[str, list[Draw]]:
    """Every cell's draws, of which those in `folder` are read and the others made and kept there.

    Args:
        cells: what to draw.
        folder: where finished cells are kept.
        seed: of all draws; together with the cell and the draw's number it fixes what is drawn.
        version: of the code; cells of another are made anew.
        processes: that draw at the same time.
        reporter: of the progress.
    """
    found = {cell.key: kept_draws(cell, folder, seed=seed, version=version) for cell in cells}
    total = sum(cell.draws for cell in cells)
    done = sum(cell.draws for cell in cells if found[cell.key] is not None)
    wanted = [cell for cell in cells if found[cell.key] is None]
    with reporter.stage("draws", total, done=done) as advance:
        for cell, draws, seconds in _drawn(wanted, seed, processes, advance):
            keep(cell, draws, folder, seed=seed, version=version, seconds=seconds)
            found[cell.key] = draws
    return {key: draws for key, draws in found.items() if draws is not None}


def _drawn(
    cells: Sequence[Cell], seed: int, processes: int, advance: Callable[[int], None]
) -> Iterator[tuple[Cell, list[Draw], float]]:
    """Each cell once all its draws are made, with the seconds they took."""
    # Every process fits small matrices, for which threads only get in each other's way.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    parts: dict[str, dict[int, tuple[list[Draw], float]]] = {cell.key: {} for cell in cells}
    counts = {cell.key: len(range(0, cell.draws, CHUNK)) for cell in cells}
    by_key = {cell.key: cell for cell in cells}
    jobs = (
        (cell.key, start, range(start, min(start + CHUNK, cell.draws)))
        for cell in cells
        for start in range(0, cell.draws, CHUNK)
    )
    with ProcessPoolExecutor(processes) as pool:
        running: dict[Future[tuple[list[Draw], float]], tuple[str, int]] = {}
        exhausted = False
        while running or not exhausted:
            # A short queue, so that cells are finished one after the other.
            while not exhausted and len(running) < 2 * processes:
                job = next(jobs, None)
                if job is None:
                    exhausted = True
                    break
                key, start, rows = job
                running[pool.submit(draw, key, rows, seed=seed)] = key, start
            ready, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in ready:
                key, start = running.pop(future)
                parts[key][start] = future.result()
                advance(len(parts[key][start][0]))
                if len(parts[key]) == counts[key]:
                    own = [parts[key][one] for one in sorted(parts[key])]
                    made = [each for chunk, _ in own for each in chunk]
                    yield by_key[key], made, sum(seconds for _, seconds in own)
