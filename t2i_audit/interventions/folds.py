"""Folds of compositions: what is changed in a prompt was fitted on prompts of other content."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from prompts.structure import Prompt
from t2i_audit.errors import ModelError

FOLDS = 5
# Training prompts that each value of a slot needs in every fold: fewer show no mean to speak of.
FEWEST_PER_VALUE = 5


@dataclass(frozen=True, eq=False)
class CompositionFolds:
    """A fold for each prompt; prompts of one composition share it."""

    prompts: tuple[Prompt, ...]
    seed: int

    @cached_property
    def count(self) -> int:
        return min(FOLDS, len({prompt.composition for prompt in self.prompts}))

    @cached_property
    def of(self) -> dict[str, int]:
        """Composition -> its fold."""
        every = sorted({prompt.composition for prompt in self.prompts})
        order = np.random.default_rng(self.seed).permutation(len(every))
        return {every[int(place)]: rank % self.count for rank, place in enumerate(order)}

    def values(self, slot: str) -> tuple[str, ...]:
        """The values of `slot`, sorted."""
        parts = (prompt.constituent(slot) for prompt in self.prompts)
        return tuple(sorted({part.value for part in parts if part is not None}))

    def refusals(self, slots: Iterable[str]) -> dict[str, str]:
        """Those of `slots` for which nothing can be fitted, and why, in a sentence each."""
        return {slot: why for slot in slots if (why := self.refusal(slot)) is not None}

    def target(self, prompt: Prompt, slot: str, value: str | None) -> int:
        """The index of `value`, which `slot` is to have in `prompt`, among its values.

        Raises:
            ModelError: it is none of them.
        """
        values = self.values(slot)
        if value not in values:
            raise ModelError(
                f"{slot} of the prompt {prompt.id!r} cannot be given the value {value!r}, which no "
                f"prompt has; its values are {', '.join(values)}."
            )
        return values.index(value)

    def refusal(self, slot: str) -> str | None:
        """Why nothing can be fitted for `slot`, in a sentence; None if it can."""
        values = self.values(slot)
        if len(values) < 2:
            shown = f"the one value {values[0]!r}" if values else "no value"
            return f"{slot} cannot be erased: it has {shown} in these prompts, and needs two"
        counts = Counter(self._fold_and_value(slot))
        in_all = Counter(value for _, value in counts.elements())
        trained = {
            (fold, value): in_all[value] - counts[fold, value]
            for fold in range(self.count)
            for value in values
        }
        (_, value), left = min(trained.items(), key=lambda each: each[1])
        if left >= FEWEST_PER_VALUE:
            return None
        return (
            f"{slot} cannot be erased: its value {value!r} has {left} prompts to fit on where "
            f"{FEWEST_PER_VALUE} are needed; give more prompts of that value"
        )

    def _fold_and_value(self, slot: str) -> Sequence[tuple[int, str]]:
        return [
            (self.of[prompt.composition], part.value)
            for prompt in self.prompts
            if (part := prompt.constituent(slot)) is not None
        ]
