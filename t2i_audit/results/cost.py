"""What a run took: time, memory and the size of the checkpoint."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path

from t2i_audit.errors import RunDirectoryError
from t2i_audit.io import read_json, write_json

COST = "cost.json"


@dataclass(frozen=True)
class Cost:
    """What the images of a run took. It differs from one execution of a run to the next, so it lies
    beside the results and is no part of their checksums."""

    device: str = ""
    """Its name, e.g. ``NVIDIA H100 80GB HBM3``; empty where that is not known."""
    seconds_per_image: float = math.nan
    """Wall-clock time of sampling, decoding included and judging left out, over `images`."""
    images: int = 0
    """Images that were timed; those of an earlier execution are counted."""
    peak_memory_bytes: int | None = None
    """The most that sampling took on the device; None where that cannot be measured."""
    parameters: dict[str, int] = field(default_factory=dict)
    """By component of the pipeline."""


def write_cost(run: Path, cost: Cost) -> None:
    """Write `cost` atomically into the run directory `run`."""
    write_json(run / COST, cost)


def read_cost(run: Path) -> Cost | None:
    """What the run in `run` took; None for a run that did not record it.

    Raises:
        RunDirectoryError: the file is there and cannot be read as a cost.
    """
    from pydantic import TypeAdapter, ValidationError

    path = run / COST
    try:
        return TypeAdapter(Cost).validate_python(read_json(path))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, ValidationError) as err:
        raise RunDirectoryError(f"{path} is damaged; delete it, as no figure rests on it") from err
