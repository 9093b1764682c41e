"""Dividing the images of a suite into batches.

A resumed run and a run of several processes have the very same batches, so that their images are
the same bit for bit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from prompts.structure import Prompt


@dataclass(frozen=True)
class BatchItem:
    """One image to make."""

    prompt: Prompt
    seed_index: int


@dataclass(frozen=True)
class Batch:
    """Images that are sampled in one call."""

    index: int
    items: tuple[BatchItem, ...]


def cut_batches(prompts: Sequence[Prompt], *, seeds: int, batch_size: int) -> tuple[Batch, ...]:
    """Every (prompt, seed index), in batches of `batch_size`; the last may be smaller.

    All prompts come first with seed index 0, then with 1, and so on.

    Raises:
        ValueError: `seeds` or `batch_size` is below 1.
    """
    for name, value in (("seeds", seeds), ("batch_size", batch_size)):
        if value < 1:
            raise ValueError(f"`{name}` should be at least 1; got {value}")
    items = [BatchItem(prompt, index) for index in range(seeds) for prompt in prompts]
    cuts = range(0, len(items), batch_size)
    return tuple(
        Batch(number, tuple(items[start : start + batch_size])) for number, start in enumerate(cuts)
    )
