"""The cause of each wrong image: the text encoder, the denoiser, or chance.

Every wrong image weighs 1, and its weight is divided among the causes. The outcomes that count are
those that are wrong in this image: slots, where the judge tells slots, and the prompt as a whole
where it does not, or finds no slot wrong. With ``q`` the probability that what an outcome needs was
lost at the text encoder, ``believed`` how far the images bear that out (both in
`t2i_audit.analysis.lost`), and ``P(p > 3/4)`` how surely the prompt is mostly drawn right
(`t2i_audit.analysis.chance`):

    encoder  = max over outcomes of q * believed
    held     = 1 - max over outcomes of q, and 0 where a slot that they need was not read
    chance   = held * min over outcomes of P(p > 3/4)
    denoiser = held - chance
    unclear  = 1 - encoder - held

So what was lost comes before chance, and what the probe calls lost, although it is mostly drawn
right, is unclear. With fewer than three images a prompt, chance and the denoiser are one cause,
``not told from chance``. With the denoiser probed, its part (or that not told from chance) is
divided by the same formulas with that station's ``q`` and ``believed``: into
``lost_on_the_way_in``, ``held_not_drawn`` and ``unclear``.

The share of a cause is its weight over all wrong images. So prompts count by their wrong images,
and the share of what was lost does not depend on how many images each prompt has.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from t2i_audit.analysis.chance import chance_weights, tells_chance
from t2i_audit.analysis.lost import (
    WHOLE,
    Calls,
    DecodedSlot,
    Outcome,
    calls_of,
    outcomes_of,
)
from t2i_audit.analysis.success import outcome_array
from t2i_audit.results.attribution import Cause, Detail

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
IntArray = NDArray[np.int64]

DETAILS: tuple[Detail, ...] = ("lost_on_the_way_in", "held_not_drawn", "unclear")


@dataclass(frozen=True, eq=False)
class Attribution:
    """The causes of the wrong images of `n` prompts."""

    success: FloatArray
    """1 for a right image, 0 for a wrong one, NaN for one left out, `(n, seeds)`."""
    causes: dict[Cause, FloatArray]
    """For each cause the weights of the prompt's wrong images, `(n,)`; over causes they sum to the
    number of these images."""
    details: dict[Detail, FloatArray]
    """The same for what the denoiser's part is made up of; empty where it was not probed."""
    needed: dict[str, BoolArray]
    """For each slot, whether a wrong image of the prompt depends on it, `(n,)`."""
    lost: dict[str, BoolArray]
    """For each slot, whether it is needed and rather lost than held at the text encoder, `(n,)`."""
    evidence: Evidence

    @property
    def wrong(self) -> FloatArray:
        """Wrong images of each prompt, `(n,)`."""
        wrong: FloatArray = (self.success == 0).sum(axis=1).astype(np.float64)
        return wrong

    @property
    def failing(self) -> BoolArray:
        """Whether at least one judged image is wrong, `(n,)`."""
        return self.wrong > 0

    @property
    def cause(self) -> NDArray[np.str_]:
        """The cause with the largest weight of each failing prompt, empty for any other, `(n,)`."""
        return _largest(self.causes, self.failing)

    @property
    def detail(self) -> NDArray[np.str_]:
        """The largest detail where the cause is one that has details, else empty, `(n,)`."""
        divided = np.isin(self.cause, ["denoiser", "not told from chance"])
        return _largest(self.details, divided)


def attribute(
    success: ArrayLike,
    has_slot: Mapping[str, ArrayLike],
    encoder: Mapping[str, DecodedSlot],
    *,
    denoiser: Mapping[str, DecodedSlot] | None = None,
    slot_correct: Mapping[str, ArrayLike] | None = None,
    heads: Mapping[str, Sequence[str]] | None = None,
) -> Attribution:
    """Attribute each wrong image by the rule at the top of this module.

    Args:
        success: 1 for a right image, 0 for a wrong one, NaN for one left out, `(n, seeds)`.
        has_slot: for each slot whether the prompt has it, `(n,)`.
        encoder: readings at the text encoder by slot; a slot that is missing was not read.
        denoiser: the same at the denoiser, or None when that station is off.
        slot_correct: for each slot whether it is right in each image, `(n, seeds)`, NaN where
            unknown; None for a judge that does not judge slots.
        heads: for each relation the slots of the nouns it stands between.
    """
    images = outcome_array(success)
    outcomes = outcomes_of(images, has_slot, slot_correct, heads or {})
    evidence = Evidence.of(images, outcomes, encoder, denoiser)
    causes, details = evidence.weights(np.ones((1, len(images))))
    needed = {
        slot: np.logical_or.reduce(
            [
                evidence.failed(name) & outcome.needs[slot]
                for name, outcome in outcomes.items()
                if slot in outcome.needs
            ]
        )
        for slot in has_slot
    }
    return Attribution(
        images,
        {name: evidence.by_prompt(each) for name, each in causes.items()},
        {name: evidence.by_prompt(each) for name, each in details.items()},
        needed,
        {
            slot: each & (encoder[slot].lost() > 0.5) if slot in encoder else np.zeros_like(each)
            for slot, each in needed.items()
        },
        evidence,
    )


@dataclass(frozen=True, eq=False)
class Evidence:
    """What the weights are computed from: `m` different cases of wrong images of `n` prompts."""

    outcomes: dict[str, Outcome]
    prompt: IntArray
    """Of each case, `(m,)`."""
    wrong: BoolArray
    """Which outcomes are wrong in it, `(m, outcomes)`."""
    images: FloatArray
    """How many images of the prompt are of this case, `(m,)`."""
    encoder: dict[str, Calls]
    denoiser: dict[str, Calls] | None
    told: bool
    """Whether chance is told from the denoiser."""

    @classmethod
    def of(
        cls,
        success: FloatArray,
        outcomes: dict[str, Outcome],
        encoder: Mapping[str, DecodedSlot],
        denoiser: Mapping[str, DecodedSlot] | None,
    ) -> Evidence:
        """Of the images `success`, `(n, seeds)`, and what the stations read."""
        prompt, seed = np.nonzero(success == 0)
        wrong = np.zeros((len(prompt), len(outcomes)), dtype=bool)
        for column, (name, outcome) in enumerate(outcomes.items()):
            has = outcome.needs[name][prompt] if name != WHOLE else np.True_
            wrong[:, column] = (outcome.right[prompt, seed] == 0) & has
        # The prompt as a whole is wrong in every wrong image; it counts where nothing else is.
        wrong[:, -1] = ~wrong[:, :-1].any(axis=1)
        cases, images = np.unique(np.column_stack([prompt, wrong]), axis=0, return_counts=True)
        before = {name: calls_of(outcome, encoder) for name, outcome in outcomes.items()}
        inside = None
        if denoiser is not None:
            inside = {
                name: calls_of(outcome, denoiser, encoder=before[name])
                for name, outcome in outcomes.items()
            }
        return cls(
            outcomes,
            cases[:, 0].astype(np.int64),
            cases[:, 1:].astype(bool),
            images.astype(np.float64),
            before,
            inside,
            tells_chance((~np.isnan(success)).sum(axis=1)),
        )

    def weights(
        self, drawn: FloatArray
    ) -> tuple[dict[Cause, FloatArray], dict[Detail, FloatArray]]:
        """The weight of each cause and detail in each case and resample, `(b, m)` each.

        Args:
            drawn: how often each prompt is in each resample, `(b, n)`.
        """
        encoder, held = self._divided(self.encoder, drawn)
        causes: dict[Cause, FloatArray] = {"encoder": encoder}
        if self.told:
            chance = held * self._chance(drawn)
            causes["denoiser"], causes["chance"] = held - chance, chance
            inside = causes["denoiser"]
        else:
            causes["not told from chance"] = inside = held
        causes["unclear"] = np.clip(1 - encoder - held, 0, 1)
        if self.denoiser is None:
            return causes, {}
        lost, kept = self._divided(self.denoiser, drawn)
        parts = (lost, kept, np.clip(1 - lost - kept, 0, 1))
        return causes, {name: inside * part for name, part in zip(DETAILS, parts, strict=True)}

    def _divided(
        self, calls: Mapping[str, Calls], drawn: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        """How surely each case's outcomes were lost at a station, and how surely held."""
        shape = len(drawn), len(self.prompt)
        lost, called = np.zeros(shape), np.zeros(len(self.prompt))
        for wrong, each in zip(self.wrong.T, calls.values(), strict=True):
            own = each.lost[self.prompt]
            lost = np.fmax(lost, each.believed(drawn)[:, None] * np.where(wrong, own, 0.0))
            unread = ~each.read[self.prompt]
            called = np.fmax(called, np.where(wrong, np.where(unread, 1.0, own), 0.0))
        return lost, np.broadcast_to(1 - called, shape)

    def _chance(self, drawn: FloatArray) -> FloatArray:
        """How surely each case is of a prompt that is mostly drawn right, `(b, m)`."""
        least = np.ones((len(drawn), len(self.prompt)))
        for name, wrong in zip(self.outcomes, self.wrong.T, strict=True):
            if wrong.any():
                right, judged = self.outcomes[name].counts
                # Rates of prompts that the text encoder holds; a guess at what it lost is another.
                held = np.where(self.encoder[name].read, 1 - self.encoder[name].lost, 0.0)
                above = chance_weights(right, judged, drawn * held)[:, self.prompt]
                least = np.where(wrong, np.minimum(least, above), least)
        return least

    def by_prompt(self, weights: FloatArray) -> FloatArray:
        """Sums over each prompt's wrong images of `weights`, `(1, m)`, as `(n,)`."""
        n = len(self.outcomes[WHOLE].right)
        summed: FloatArray = np.zeros(n)
        np.add.at(summed, self.prompt, weights[0] * self.images)
        return summed

    def failed(self, name: str) -> BoolArray:
        """Prompts of which an image is wrong because of this outcome, `(n,)`."""
        failed = np.zeros(len(self.outcomes[WHOLE].right), dtype=bool)
        failed[self.prompt[self.wrong[:, list(self.outcomes).index(name)]]] = True
        return failed


def _largest(
    weights: Mapping[Cause, FloatArray] | Mapping[Detail, FloatArray], where: BoolArray
) -> NDArray[np.str_]:
    """The name of the largest weight of each prompt, the first of equal ones."""
    names = np.array(["", *weights], dtype=np.str_)
    if not weights:
        return np.full(len(where), "", dtype=names.dtype)
    # Rounding must not decide between equal weights.
    index = np.round(np.stack(list(weights.values())), 9).argmax(axis=0) + 1
    return names[np.where(where, index, 0)]
