"""What a run took: time, memory and the size of the checkpoint."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from t2i_audit.io import read_json, write_json
from t2i_audit.printable import counted, listed

if TYPE_CHECKING:
    from pydantic import TypeAdapter

COST = "cost.json"
GIBIBYTE = 2**30


@dataclass(frozen=True)
class Cost:
    """What the images of a run took. It differs from one execution of a run to the next, so it lies
    beside the results and is no part of their checksums."""

    device: str = ""
    """Its name, e.g. ``NVIDIA H100 80GB HBM3``; several where the images were divided among unlike
    ones; empty where that is not known."""
    seconds_per_image: float = math.nan
    """Wall-clock time that one process took for an image, mean over `images`: sampling, decoding
    and recording the denoiser. Judging, hashing and writing are left out."""
    images: int = 0
    """Images that were timed; those of earlier executions and of other processes are counted."""
    peak_memory_bytes: int | None = None
    """The most that a process had on its device while it sampled, the judge's network included;
    None on a CPU, where it cannot be told from what else the process has."""
    parameters: dict[str, int] = field(default_factory=dict)
    """Component of the pipeline -> the number of its parameters."""

    @property
    def sentence(self) -> str:
        """E.g. ``Sampling took 0.0812 s per image on NVIDIA H100 (480 images)``."""
        text = (
            f"Sampling took {self.seconds_per_image:.3g} s per image on "
            f"{self.device or 'an unknown device'} ({counted(self.images, 'image')})"
        )
        if self.peak_memory_bytes is not None:
            text += f", with at most {self.peak_memory_bytes / GIBIBYTE:.3g} GiB of its memory"
        return text


def joined_cost(costs: Sequence[Cost]) -> Cost:
    """The cost of all images of `costs`, of which there is at least one."""
    images = sum(each.images for each in costs)
    seconds = sum(each.seconds_per_image * each.images for each in costs)
    peaks = [each.peak_memory_bytes for each in costs if each.peak_memory_bytes is not None]
    return Cost(
        device=listed(sorted({each.device for each in costs})),
        seconds_per_image=seconds / images,
        images=images,
        peak_memory_bytes=max(peaks, default=None),
        parameters=costs[-1].parameters,
    )


def write_cost(run: Path, cost: Cost) -> None:
    """Write `cost` atomically into the run directory `run`."""
    write_json(run / COST, cost)


def read_cost(run: Path) -> Cost | None:
    """What the run in `run` took; None for a run that did not record it.

    A file that cannot be read as a cost counts as none, as no figure rests on it.
    """
    return cost_in(run / COST)


def cost_in(path: Path) -> Cost | None:
    """The cost in a file; None where there is none that can be read."""
    try:
        cost = _adapter().validate_python(read_json(path))
    except (OSError, ValueError):
        return None
    return cost if cost.images > 0 and math.isfinite(cost.seconds_per_image) else None


@cache
def _adapter() -> TypeAdapter[Cost]:
    from pydantic import TypeAdapter

    return TypeAdapter(Cost)
