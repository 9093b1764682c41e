"""Running out of memory: smaller batches, and networks that leave the device while idle.

The batches of a run are fixed, so that a resumed run has the very same ones. With
``--batch-size auto`` a trial finds their size, which is recorded in the manifest. If memory runs
short later all the same, this batch and all that follow are sampled in parts of half the size. If
not even one image fits, or a batch may not be divided, networks leave the device while they do not
run. Both decisions are kept in the run directory. Parts change an image by rounding only; networks
that leave the device do not change it at all.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from t2i_audit.generation.sampler import Sampled
from t2i_audit.io import read_json, write_json
from t2i_audit.models.offload import OFFLOADED, is_offloaded, relieve
from t2i_audit.models.out_of_memory import out_of_memory_error, runs_short
from t2i_audit.run.features import FeaturePart, join_parts

if TYPE_CHECKING:
    from t2i_audit.generation.batches import Batch
    from t2i_audit.models.loaded import LoadedModel

REMEMBERED = "memory.json"
SIZE, OFFLOAD = "images_at_once", "networks_leave_the_device"

Made = tuple[Sampled, FeaturePart | None]
T = TypeVar("T")


def largest_batch(loaded: LoadedModel, attempt: Callable[[int], object], *, start: int) -> int:
    """The largest of `start`, `start` / 2, `start` / 4, ... for which `attempt` has memory.

    If not even 1 has, the search starts again with networks that leave the device while idle.

    Raises:
        ModelError: memory is too small for 1 even so.
    """
    size = start
    while runs_short(partial(attempt, size)):
        if size > 1:
            size //= 2
        elif relieve(loaded):
            loaded.reporter.note(OFFLOADED)
            size = start
        else:
            raise out_of_memory_error(1)
    return size


def with_room(loaded: LoadedModel, attempt: Callable[[], T], *, size: int) -> T:
    """Return what `attempt` returns; if memory runs short, idle networks leave the device for it.

    Raises:
        ModelError: memory is too small all the same; the message says so of a batch of `size`.
    """
    made: list[T] = []
    while runs_short(lambda: made.append(attempt())):
        if not relieve(loaded):
            raise out_of_memory_error(size)
        loaded.reporter.note(OFFLOADED)
    return made[0]


def remember_offload(loaded: LoadedModel, folder: Path) -> None:
    """Let idle networks leave the device if an earlier process of this run had to."""
    try:
        needed = bool(read_json(folder / REMEMBERED)[OFFLOAD])
    except (OSError, ValueError, TypeError, KeyError):
        return  # decided again when memory runs short
    if needed and relieve(loaded):
        loaded.reporter.note(f"{OFFLOADED}, as before")


@dataclass(eq=False)
class Parts:
    """How many images of a batch are sampled at once, remembered in `folder`."""

    loaded: LoadedModel
    folder: Path
    whole: int
    """The size of the batches."""
    shrinks: bool
    """Whether parts are halved when memory runs short; else a whole batch must fit."""
    size: int = field(init=False)
    """Images per part; less than `whole` once memory ran short."""

    def __post_init__(self) -> None:
        self.size = self.whole
        path = self.folder / REMEMBERED
        if self.shrinks and path.exists():
            try:
                self.size = min(self.whole, max(1, int(read_json(path)[SIZE])))
            except (OSError, ValueError, OverflowError, TypeError, KeyError):
                note = f"{path} is damaged; the size of a batch is found again"
                self.loaded.reporter.note(note)
        # The trial for the size of the batches had no folder to write to.
        if self.loaded.placement.offload == "auto" and is_offloaded(self.loaded.pipeline):
            self._remember()

    def sample(self, batch: Batch, sample: Callable[[Batch], Made]) -> Made:
        """Sample the whole `batch`, or its parts one after the other.

        Raises:
            ModelError: memory runs short for a single image, or parts may not shrink.
        """
        while True:
            made: list[Made] = []

            def attempt(made: list[Made] = made) -> None:
                for start in range(0, len(batch.items), self.size):
                    items = batch.items[start : start + self.size]
                    made.append(sample(replace(batch, items=items)))

            if not runs_short(attempt):
                return _joined(made)
            tried = min(self.size, len(batch.items))
            if self.shrinks and tried > 1:
                self.size = tried // 2
                self.loaded.reporter.note(
                    f"memory runs short with {tried} images at once; going on with {self.size}"
                )
            elif relieve(self.loaded):
                self.size = self.whole
                self.loaded.reporter.note(OFFLOADED)
            else:
                raise out_of_memory_error(tried)
            self._remember()

    def _remember(self) -> None:
        offloaded = is_offloaded(self.loaded.pipeline)
        write_json(self.folder / REMEMBERED, {SIZE: self.size, OFFLOAD: offloaded})


def _joined(made: list[Made]) -> Made:
    if len(made) == 1:
        return made[0]
    images = [sampled for sampled, _ in made]
    parts = [part for _, part in made if part is not None]
    joined = Sampled(
        images=np.concatenate([each.images for each in images]),
        finite=np.concatenate([each.finite for each in images]),
        blocked=np.concatenate([each.blocked for each in images]),
    )
    return joined, join_parts(parts) if parts else None
