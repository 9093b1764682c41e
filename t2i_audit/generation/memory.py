"""Out of memory: how it is told from other faults, and how a batch is made in smaller parts.

Batches are cut once, so that a resumed or divided run makes the very same ones. With
``--batch-size auto`` their size is found by a trial before anything is cut and stands in the
manifest. Should memory run short later all the same, a batch is sampled in parts of half the size,
and so are all that follow; the size of the parts is kept in the run directory. Parts change a
picture by rounding only.
"""

from __future__ import annotations

import gc
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from t2i_audit.activations.store import FeaturePart, join_parts
from t2i_audit.errors import ModelError
from t2i_audit.generation.sampler import Sampled
from t2i_audit.io import read_json, write_json
from t2i_audit.progress import say

if TYPE_CHECKING:
    from t2i_audit.generation.batches import Batch

# What torch says where it has no class of its own for it: on the CPU, MPS and in cuBLAS.
SHORTAGES = ("can't allocate memory", "out of memory", "CUBLAS_STATUS_ALLOC_FAILED")
REMEMBERED = "memory.json"
KEY = "pictures_at_once"

Made = tuple[Sampled, FeaturePart | None]


def is_out_of_memory(error: RuntimeError) -> bool:
    """Whether `error` is a device's or the host's memory running short."""
    import torch

    return isinstance(error, torch.OutOfMemoryError) or any(
        shortage in str(error) for shortage in SHORTAGES
    )


def out_of_memory_error(size: int) -> ModelError:
    """The sentence for the user."""
    smaller = f"--batch-size {size // 2} or auto, " if size > 1 else ""
    return ModelError(
        f"memory runs short with {size} in a batch; give {smaller}--offload model or sequential, "
        "--attention-slicing, --vae-tiling or a smaller --dtype"
    )


def largest_batch(attempt: Callable[[int], object], *, start: int) -> int:
    """The largest of `start`, `start` / 2, `start` / 4, ... for which `attempt` has memory.

    Raises:
        ModelError: not even 1 fits.
    """
    size = start
    while _short(partial(attempt, size)):
        if size == 1:
            raise out_of_memory_error(1)
        size //= 2
    return size


@dataclass(eq=False)
class Parts:
    """How many pictures of a batch are sampled at once, remembered in `folder`."""

    folder: Path
    size: int
    """The batches' own; less once memory ran short."""
    shrinks: bool
    """Whether a shortage halves the parts, or ends the run."""

    def __post_init__(self) -> None:
        path = self.folder / REMEMBERED
        if self.shrinks and path.exists():
            try:
                self.size = min(self.size, max(1, int(read_json(path)[KEY])))
            except (ValueError, TypeError, KeyError):
                say(f"{path} is damaged; the size of a batch is found again")

    def sample(self, batch: Batch, sample: Callable[[Batch], Made]) -> Made:
        """`sample` of the whole `batch`, or of its parts one after the other.

        Raises:
            ModelError: memory runs short for a single picture, or parts may not shrink.
        """
        while True:
            made: list[Made] = []

            def attempt(made: list[Made] = made) -> None:
                for start in range(0, len(batch.items), self.size):
                    items = batch.items[start : start + self.size]
                    made.append(sample(replace(batch, items=items)))

            if not _short(attempt):
                return _joined(made)
            tried = min(self.size, len(batch.items))
            if not self.shrinks or tried == 1:
                raise out_of_memory_error(tried)
            self.size = tried // 2
            write_json(self.folder / REMEMBERED, {KEY: self.size})
            say(f"memory runs short with {tried} images at once; going on with {self.size}")


def _short(attempt: Callable[[], object]) -> bool:
    """Run `attempt`; whether memory ran short."""
    try:
        attempt()
    except RuntimeError as error:
        if not is_out_of_memory(error):
            raise
    else:
        return False
    # Only here, with the exception gone, does nothing hold on to the failed pass's tensors.
    import torch

    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    return True


def _joined(made: list[Made]) -> Made:
    if len(made) == 1:
        return made[0]
    pictures = [sampled for sampled, _ in made]
    parts = [part for _, part in made if part is not None]
    joined = Sampled(
        images=np.concatenate([each.images for each in pictures]),
        finite=np.concatenate([each.finite for each in pictures]),
        blocked=np.concatenate([each.blocked for each in pictures]),
    )
    return joined, join_parts(parts) if parts else None
