"""The tables of `shared/facts/validity.md`, one module each."""

from __future__ import annotations

from functools import cache

from scripts.simulations.cells import Cell
from scripts.simulations.sections import (
    areas,
    boards,
    builtin,
    calibration,
    causes,
    chains,
    comparing,
    nulls,
    pairs,
    probes,
    ranks,
    rates,
    repeats,
    use,
    verdicts,
)


@cache
def all_cells() -> dict[str, Cell]:
    """Every cell by its key, in the order of the tables."""
    modules = (
        rates,
        pairs,
        areas,
        probes,
        boards,
        ranks,
        nulls,
        verdicts,
        calibration,
        builtin,
        causes,
        chains,
        repeats,
        comparing,
        use,
    )
    return {cell.key: cell for module in modules for cell in module.cells()}
