"""Statistics of a file of prompts, counted in one pass."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import combinations

from prompts.splits import compositions
from prompts.structure import Prompt


@dataclass
class Statistics:
    """Counts over prompts."""

    prompts: int = 0
    text_only: int = 0
    """Prompts without constituents."""
    without_foils: int = 0
    """Prompts with constituents and no foil."""
    types: Counter[str] = field(default_factory=Counter)
    splits: Counter[str] = field(default_factory=Counter)
    changes: Counter[str] = field(default_factory=Counter)
    """Foils by the name of the change."""
    sizes: Counter[int] = field(default_factory=Counter)
    """Prompts by number of constituents."""
    words: Counter[int] = field(default_factory=Counter)
    """Prompts by number of words."""
    constituents: Counter[str] = field(default_factory=Counter)
    """Prompts by constituent, ``kind:value``."""
    together: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Prompts by pair of constituents that co-occur, bound together or not."""
    compositions: int = 0
    """Number of distinct pairs that are bound together; see `prompts.splits`."""


def count(prompts: Iterable[Prompt]) -> Statistics:
    """Count `prompts`, which may be a stream."""
    result = Statistics()
    bound: set[tuple[str, ...]] = set()
    for prompt in prompts:
        keys = sorted({part.key for part in prompt.constituents})
        result.prompts += 1
        result.text_only += not keys
        result.without_foils += bool(keys) and not prompt.foils
        result.types[prompt.type] += 1
        result.splits[prompt.split or "none"] += 1
        result.changes.update([foil.change for foil in prompt.foils])
        result.sizes[len(prompt.constituents)] += 1
        result.words[len(prompt.text.split())] += 1
        result.constituents.update(keys)
        result.together.update(combinations(keys, 2))
        bound |= compositions(prompt)
    result.compositions = len(bound)
    return result


def middle(counts: Counter[int]) -> tuple[int, int, int]:
    """Smallest, median and largest of counted numbers; the lower median of an even count.

    Raises `ValueError` without numbers.
    """
    half = (sum(counts.values()) + 1) // 2
    passed = 0
    for number in sorted(counts):
        passed += counts[number]
        if passed >= half:
            return min(counts), number, max(counts)
    raise ValueError("there are no numbers")
