"""The verdicts on images that were drawn with and without interventions, as arrays."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from prompts.structure import Prompt

FloatArray = NDArray[np.float64]
Key = tuple[str, str, str]
"""Kind, slot and site of an intervention."""


@dataclass(frozen=True, eq=False)
class DrawnImages:
    """Verdicts of one judge on the images of `n` prompts."""

    prompts: Sequence[Prompt]
    clusters: NDArray[np.str_]
    """The composition of each prompt, ``(n,)``."""
    unchanged: Mapping[str, FloatArray]
    """For each slot whether it is right in the images of the run: 1, 0, or NaN where that is not
    known, ``(n, seeds)``."""
    changed: Mapping[Key, Mapping[str, FloatArray]] = field(default_factory=dict)
    """The same of every intervention, NaN for images that it did not make."""

    @classmethod
    def of(
        cls,
        prompts: Sequence[Prompt],
        judged: Sequence[Mapping[str, Any]],
        rows: Sequence[Mapping[str, Any]],
        *,
        seeds: int,
    ) -> DrawnImages:
        """From one judge's rows of the tables ``judgements`` and ``use``.

        A row of ``use`` without a verdict is left out, and one of a prompt that is not in `prompts`
        is as well.
        """
        place = {prompt.id: row for row, prompt in enumerate(prompts)}
        shape = (len(prompts), seeds)
        unchanged: dict[str, FloatArray] = {}
        changed: dict[Key, dict[str, FloatArray]] = {}
        for row in judged:
            _enter(unchanged, row, place, shape)
        for row in rows:
            key = row["kind"], row["slot"] or "", row["site"]
            _enter(changed.setdefault(key, {}), row, place, shape)
        clusters = np.array([prompt.composition for prompt in prompts], dtype=np.str_)
        return cls(prompts, clusters, unchanged, changed)

    def slot(self, name: str, key: Key | None = None) -> FloatArray:
        """Whether the slot `name` is right, ``(n, seeds)``: in the unchanged images, or in those of
        an intervention."""
        found = self.unchanged if key is None else self.changed.get(key, {})
        nothing = np.full(np.shape(next(iter(self.unchanged.values()))), np.nan)
        return found.get(name, nothing)

    def values(self, slot: str) -> NDArray[np.str_]:
        """The value of `slot` in each prompt, ``(n,)``; empty where it has none."""
        parts = [prompt.constituent(slot) for prompt in self.prompts]
        return np.array(["" if part is None else part.value for part in parts], dtype=np.str_)


@dataclass(frozen=True, eq=False)
class Items:
    """Images of which all of several verdicts are known; arrays are ``(m,)``."""

    verdicts: tuple[FloatArray, ...]
    clusters: NDArray[np.str_]
    prompts: NDArray[np.int64]
    """The row of each item's prompt."""

    @classmethod
    def of(cls, clusters: NDArray[np.str_], verdicts: Iterable[FloatArray]) -> Items:
        """Those of the images, ``(n, seeds)`` each, on which no verdict is missing."""
        stacked = np.stack(list(verdicts))
        prompt, seed = np.nonzero(~np.isnan(stacked).any(axis=0))
        return cls(tuple(each[prompt, seed] for each in stacked), clusters[prompt], prompt)


def _enter(
    found: dict[str, FloatArray],
    row: Mapping[str, Any],
    place: Mapping[str, int],
    shape: tuple[int, int],
) -> None:
    if row["prompt_id"] not in place or row["correct"] is None or row["seed"] >= shape[1]:
        return
    image = place[row["prompt_id"]], row["seed"]
    for slot, right in row["slots"].items():
        own = found.setdefault(slot, np.full(shape, np.nan))
        own[image] = np.nan if right is None else right
