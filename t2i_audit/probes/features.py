"""What a probe reads: features of one place, and the targets it may decode there."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from prompts.structure import PRESENCE, Pair, Prompt
from t2i_audit.probes.rows import Rows
from t2i_audit.results.place import Place, Position

# Numbers that are converted once, 64 MiB as float64.
IN_MEMORY = 2**23


@dataclass(frozen=True, eq=False)
class FeatureBlock:
    """The hidden states of every prompt at one place of a station."""

    station: str
    place: Place
    values: NDArray[np.floating]
    """``(n, d)``, or more rows with an `order`, possibly memory-mapped; rows of NaN where the
    position does not exist."""
    valid: NDArray[np.bool_]
    """``(n,)`` whether the row exists."""
    targets: frozenset[str]
    """Slots that may be decoded here; presence is decoded where the position is no slot's."""
    order: NDArray[np.integer] | None = None
    """``(n,)`` the row of `values` that is each prompt's; None where they are in the same order."""

    def rows(self, prompts: NDArray[np.integer]) -> Rows:
        """What is held of `prompts`, ``(m,)``, to be read in chunks."""
        return Rows(self.values, prompts if self.order is None else self.order[prompts])

    def in_memory(self) -> FeatureBlock:
        """The same, converted once where that is small; else it is read in chunks each time."""
        n, d = len(self.valid), self.values.shape[1]
        if n * d > IN_MEMORY:
            return self
        held = np.flatnonzero(self.valid)
        values = np.zeros((n, d))
        values[held] = self.values[held if self.order is None else self.order[held]]
        return replace(self, values=values, order=None)


@dataclass(frozen=True, eq=False)
class Target:
    """One thing to decode: a slot's value, or whether one constituent occurs."""

    name: str
    """The slot, or ``presence.KIND=VALUE``."""
    classes: tuple[str, ...]
    labels: NDArray[np.int64]
    """``(n,)`` class of each prompt, -1 where the prompt lacks the slot."""
    pairs: tuple[frozenset[Pair], ...]
    """For each prompt the compositions that decoding it depends on."""

    @property
    def is_presence(self) -> bool:
        """Whether it asks for presence, not for a slot's value."""
        return self.name.startswith(PRESENCE + ".")

    @property
    def summary_name(self) -> str:
        """The name it is reported under: all values of one kind share a presence figure."""
        return self.name.split("=")[0] if self.is_presence else self.name


def slot_targets(prompts: Sequence[Prompt]) -> list[Target]:
    """A target for every slot that takes at least two values in `prompts`, sorted by name."""
    slots = sorted({part.slot for prompt in prompts for part in prompt.constituents})
    targets = []
    for slot in slots:
        parts = [prompt.constituent(slot) for prompt in prompts]
        classes = tuple(sorted({part.value for part in parts if part is not None}))
        if len(classes) < 2:
            continue
        labels = [classes.index(part.value) if part is not None else -1 for part in parts]
        pairs = _shared(prompt.pairs_of(slot) for prompt in prompts)
        targets.append(Target(slot, classes, np.array(labels), pairs))
    return targets


def presence_targets(prompts: Sequence[Prompt]) -> list[Target]:
    """A yes-or-no target for every constituent that some prompts have and some lack."""
    names, counts = presence_counts(prompts)
    pairs = _shared(prompt.pairs for prompt in prompts)
    targets = []
    for name, column in zip(names, counts.T, strict=True):
        present = column > 0
        if present.all() or not present.any():
            continue
        kind, value = name.split(":", 1)
        labels = present.astype(np.int64)
        targets.append(Target(f"{PRESENCE}.{kind}={value}", ("absent", "present"), labels, pairs))
    return targets


def _shared(sets: Iterable[frozenset[Pair]]) -> tuple[frozenset[Pair], ...]:
    """`sets`, where equal ones are one object: many prompts have few different compositions."""
    known: dict[frozenset[Pair], frozenset[Pair]] = {}
    return tuple(known.setdefault(own, own) for own in sets)


def presence_counts(prompts: Sequence[Prompt]) -> tuple[tuple[str, ...], NDArray[np.float64]]:
    """The words alone: names ``kind:value`` and how often each occurs in a prompt, ``(n, m)``."""
    names = sorted({part.key for prompt in prompts for part in prompt.constituents})
    columns = {name: index for index, name in enumerate(names)}
    counts = np.zeros((len(prompts), len(names)))
    for row, prompt in enumerate(prompts):
        for part in prompt.constituents:
            counts[row, columns[part.key]] += 1
    return tuple(names), counts


def presence_block(prompts: Sequence[Prompt], station: str) -> FeatureBlock:
    """The words-alone baseline as features of its own: counts of words, without their order."""
    _, counts = presence_counts(prompts)
    slots = frozenset(part.slot for prompt in prompts for part in prompt.constituents)
    valid = np.ones(len(prompts), dtype=bool)
    place = Place("words", "counts", None, Position(PRESENCE))
    return FeatureBlock(station, place, counts, valid, slots)
