"""What is known of a prompt before there is an image of it, as columns of numbers."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from prompts.structure import Constituent, Prompt

FloatArray = NDArray[np.float64]

# A probe's probability is no closer to 0 and 1 than its error allows.
SUREST = 0.99


@dataclass(frozen=True)
class KnownPrompt:
    """A prompt, and what the text encoders hold of it."""

    prompt: Prompt
    length: int
    """Tokens in the encoder that needs most, or words where no encoder was asked."""
    probability: Mapping[str, float] = field(default_factory=dict)
    """By slot, of its true value as the text encoder holds it; NaN or absent where unread."""

    @property
    def entities(self) -> int:
        """How many things the prompt names."""
        return len({entity for part in self.prompt.constituents for entity in part.entities})

    @property
    def surprise(self) -> float:
        """How far the encoder is from holding every slot: minus the sum of log probabilities."""
        return sum(self.surprise_of(part.slot) for part in self.prompt.constituents)

    def surprise_of(self, slot: str) -> float:
        """The same of one slot; 0 where it was not read."""
        value = self.probability.get(slot, math.nan)
        return 0.0 if math.isnan(value) else -math.log(min(max(value, 1 - SUREST), SUREST))


@dataclass(frozen=True)
class Scale:
    """The mean and the spread of a number over the run's prompts."""

    mean: float
    spread: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Scale:
        """Of the run's `values`; a number that does not vary tells nothing, and has no spread."""
        return cls(float(np.mean(values)), float(np.std(values)))

    def __call__(self, values: Sequence[float]) -> FloatArray:
        """`values` in units of the spread."""
        moved = np.asarray(values, dtype=np.float64) - self.mean
        return moved / self.spread if self.spread > 1e-9 else np.zeros(len(moved))


@dataclass(frozen=True)
class Columns:
    """The columns of the models: names from the run and the new prompts, scales from the run."""

    types: tuple[str, ...]
    keys: tuple[str, ...]
    """``kind:value`` of every constituent."""
    slots: tuple[str, ...]
    length: Scale
    entities: Scale
    surprise: Scale
    slot_surprise: Mapping[str, Scale]
    """By kind."""

    @classmethod
    def of(cls, run: Sequence[KnownPrompt], new: Sequence[KnownPrompt]) -> Columns:
        """The columns of both; what only new prompts have is a column of zeros in the run."""
        prompts = [each.prompt for each in (*run, *new)]
        parts = [part for prompt in prompts for part in prompt.constituents]
        by_kind: dict[str, list[float]] = {}
        for each in run:
            for part in each.prompt.constituents:
                by_kind.setdefault(part.kind, []).append(each.surprise_of(part.slot))
        return cls(
            types=tuple(sorted({prompt.type for prompt in prompts})),
            keys=tuple(sorted({part.key for part in parts})),
            slots=tuple(sorted({part.slot for part in parts})),
            length=Scale.of([each.length for each in run]),
            entities=Scale.of([each.entities for each in run]),
            surprise=Scale.of([each.surprise for each in run]),
            slot_surprise={kind: Scale.of(values) for kind, values in by_kind.items()},
        )

    def of_prompts(self, known: Sequence[KnownPrompt]) -> FloatArray:
        """What the risk of a prompt is read from, ``(n, p)``."""
        return np.column_stack(
            [
                *self._shared(known),
                _counts([[part.key for part in each.prompt.constituents] for each in known],
                        self.keys),
                self.surprise([each.surprise for each in known]),
            ]
        )  # fmt: skip

    def of_slots(self, known: Sequence[tuple[KnownPrompt, Constituent]], kind: str) -> FloatArray:
        """What the risk of a slot of `kind` is read from, ``(n, p)``.

        Its own value, the other constituents, and which slot it is.
        """
        own = tuple(key for key in self.keys if key.startswith(f"{kind}:"))
        others = [
            [part.key for part in each.prompt.constituents if part.slot != slot.slot]
            for each, slot in known
        ]
        surprise = self.slot_surprise.get(kind, Scale(0.0, 0.0))
        return np.column_stack(
            [
                *self._shared([each for each, _ in known]),
                _counts([[slot.key] for _, slot in known], own),
                _counts([[slot.slot] for _, slot in known], self.slots),
                _counts(others, self.keys),
                surprise([each.surprise_of(slot.slot) for each, slot in known]),
            ]
        )

    def _shared(self, known: Sequence[KnownPrompt]) -> tuple[FloatArray, ...]:
        return (
            _counts([[each.prompt.type] for each in known], self.types),
            self.length([each.length for each in known]),
            self.entities([each.entities for each in known]),
        )


def _counts(rows: Sequence[Sequence[str]], names: Sequence[str]) -> FloatArray:
    """How often each of `names` occurs in each row, ``(n, m)``."""
    counted = [Counter(row) for row in rows]
    table = [[float(own[name]) for name in names] for own in counted]
    return np.array(table, dtype=np.float64).reshape(len(rows), len(names))
