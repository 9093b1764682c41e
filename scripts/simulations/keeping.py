"""Finished cells, kept as JSON so that a run that was stopped goes on where it was."""

from __future__ import annotations

import hashlib
import math
import re
import zlib
from collections.abc import Sequence
from pathlib import Path

from scripts.simulations.cells import Cell, Draw, Kept
from t2i_audit.io import read_json, write_json

ROOT = Path(__file__).resolve().parents[2]
# What is drawn depends on this code; a cell that other code made is made anew. How draws are
# counted and shown is no part of it.
SIMULATIONS = (
    "audited", "faults", "features", "images", "interventions", "readings", "sections",
    "sound_seeds", "worlds",
)  # fmt: skip
SOURCES = (
    *(f"t2i_audit/{name}" for name in ("analysis", "stats", "probes", "results")),
    "prompts",
    *(f"scripts/simulations/{name}" for name in SIMULATIONS),
)


def code_version() -> str:
    """A digest of the code that the figures depend on."""
    digest = hashlib.sha256()
    for source in SOURCES:
        module = (ROOT / source).with_suffix(".py")
        for path in [module] if module.is_file() else sorted((ROOT / source).rglob("*.py")):
            digest.update(str(path.relative_to(ROOT)).encode() + path.read_bytes())
    return digest.hexdigest()[:16]


def seed_of(cell: Cell, draw: int, *, seed: int) -> list[int]:
    """The seed of one draw, which depends on nothing that was drawn before."""
    return [seed, zlib.crc32(cell.key.encode()), draw]


def path_of(cell: Cell, folder: Path) -> Path:
    """The file of a finished cell."""
    plain = re.sub(r"[^A-Za-z0-9.]+", "-", cell.key).strip("-")
    return folder / f"{plain}.json"


def keep(
    cell: Cell, draws: Sequence[Draw], folder: Path, *, seed: int, version: str, seconds: float
) -> None:
    """Write a finished cell atomically."""
    names = list(dict.fromkeys(name for draw in draws for name in draw))
    write_json(
        path_of(cell, folder),
        {
            "cell": cell.key,
            "seed": seed,
            "code": version,
            "draws": len(draws),
            "seconds": round(seconds, 1),
            "figures": {name: [draw.get(name) for draw in draws] for name in names},
        },
    )


def kept_draws(cell: Cell, folder: Path, *, seed: int, version: str | None) -> list[Draw] | None:
    """The draws of a finished cell, or None where it has to be made.

    Args:
        cell: the cell.
        folder: where finished cells are.
        seed: with which it should have been made.
        version: of the code; None for any.
    """
    try:
        found = read_json(path_of(cell, folder))
        same = found["cell"] == cell.key and found["seed"] == seed
        same &= version is None or found["code"] == version
        columns: dict[str, list[object]] = found["figures"]
        count = int(found["draws"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    # A cell with more draws than are asked for serves as well.
    if not same or count < cell.draws:
        return None
    return [{name: _value(column[row]) for name, column in columns.items()} for row in range(count)]


def _value(found: object) -> Kept:
    if isinstance(found, list):
        estimate, lower, upper = (math.nan if one is None else float(one) for one in found)
        return estimate, lower, upper
    return math.nan if found is None else float(str(found))
