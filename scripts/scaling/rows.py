"""A row of the study: what was trained, and all that was measured on it."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from scripts.scaling.recipes import Generator
from t2i_audit.io import read_json, write_json
from t2i_audit.results.interval import Interval

if TYPE_CHECKING:
    from pydantic import TypeAdapter

ROWS = Path(__file__).resolve().parents[2] / "docs" / "results" / "scaling"


@dataclass(frozen=True)
class Trained:
    """What a generator was made of, as its recipe says."""

    training: str
    """Its name; the rows of one training are not independent."""
    step: int
    support: str
    pairs: int
    """Colour-shape pairs that were drawn."""
    compositional: bool
    connected: bool
    compositions: int
    """Distinct contents among its captions."""
    pictures: int
    widths: tuple[int, int]
    parameters: int
    """Of the UNet."""
    seed: int


@dataclass(frozen=True)
class Rates:
    """Shares of images that are right, by the oracle; every `n` counts images."""

    overall: Interval
    by_type: dict[str, Interval]
    by_slot: dict[str, Interval]


Figures = dict[str, Interval]
"""By name, e.g. ``accuracy``, ``words alone`` or a slot."""


@dataclass(frozen=True)
class Row:
    """All that is known of one generator."""

    name: str
    trained: Trained
    loss: Interval
    """Mean squared error of the predicted velocity on training pairs; `n` counts pairs."""
    seen: Rates
    """On contents that its training showed."""
    held_out: Rates
    """On prompts with a colour-shape pair that no training of the study shows."""
    stations: dict[str, Figures]
    """By station of the audit, at the places that it chose inside the training folds."""
    places: dict[str, Figures]
    """By place: ``text_encoder LAYER POSITION``, or ``BLOCK step N`` of the denoiser."""
    use: dict[str, Figures] = field(default_factory=dict)
    """By slot, its use by erasure from what the denoiser is given (``use``), and success where it
    is ``unchanged``, ``erased``, and where a ``random`` subspace is; empty until it was
    measured."""


def row_path(generator: Generator, rows: Path = ROWS) -> Path:
    """Where a generator's row is kept."""
    return rows / f"{generator.name}.json"


def write_row(row: Row, path: Path) -> None:
    """Write `row` to `path`, whole or not at all."""
    write_json(path, row)


def read_row(path: Path) -> Row:
    """The row in the file `path`.

    Raises:
        ValueError: it holds something else.
    """
    return _adapter().validate_python(read_json(path))


@cache
def _adapter() -> TypeAdapter[Row]:
    from pydantic import TypeAdapter

    return TypeAdapter(Row)
