"""The cause of each failing prompt: the text encoder, the denoiser, or chance.

A slot is decodable at a station when the probability p of its true value reaches
``(1 + min(p_presence, 0.5)) / 2``: half way from what the words-alone baseline gives, taken as one
half at the most, to certainty. Over the probe's folds p has an interval, so a slot is

- surely lost when the interval's upper end is below that threshold,
- surely held when its lower end reaches it,
- and neither when the interval covers the threshold or the slot could not be read.

A prompt fails when at least one of its judged images is wrong. The first rule that fits:

1. ``chance``: more than half of its judged images are right.
2. ``encoder``: a needed slot is surely lost at the text encoder.
3. ``denoiser``: every needed slot is surely held there. With the denoiser probed the detail is
   ``lost_on_the_way_in`` when a needed slot is surely lost at that station, ``held_not_drawn`` when
   all are surely held there too, and ``unclear`` otherwise.
4. ``unclear``: anything else.

Needed are the slots that were wrong in at least one of the prompt's wrong images, where the judge
judges slots; where it does not, or finds none of them wrong, every slot of the prompt. A relation
also needs the nouns it stands between: whoever knows the word *left* but not which object comes
first cannot draw it. With fewer than three seeds no failure can be attributed to chance, and such
failures fall under the other rules.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from t2i_audit.analysis.success import image_rate, judged_counts, outcome_array
from t2i_audit.probes.verdicts import PRESENCE_CAP
from t2i_audit.results.attribution import (
    AttributionShares,
    Cause,
    Culprit,
    Detail,
)
from t2i_audit.results.interval import Interval
from t2i_audit.stats.shares import clustered_share

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

CAUSES: tuple[Cause, ...] = ("encoder", "denoiser", "chance", "unclear")
DETAILS: tuple[Detail, ...] = ("lost_on_the_way_in", "held_not_drawn", "unclear")

# Failures are few when their rate's interval stays at or below this share of the images.
FEW_FAILURES = 0.10

# A share of fewer failing prompts than this names nobody.
FEWEST_FAILING = 5


@dataclass(frozen=True, eq=False)
class DecodedSlot:
    """How well one slot is decoded from one station, prompt by prompt; all arrays `(n,)`."""

    lower: FloatArray
    """Lower end over probe folds of the true value's probability; NaN where it was not read."""
    upper: FloatArray
    presence: FloatArray
    """Probability that the words-alone baseline gives to the true value."""


@dataclass(frozen=True, eq=False)
class Attribution:
    """A cause for each failing prompt; all arrays `(n,)`."""

    failing: BoolArray
    """At least one judged image is wrong."""
    success_rate: FloatArray
    """Share of judged images that are right; NaN where none was judged."""
    cause: NDArray[np.str_]
    """One of `CAUSES` for a failing prompt, empty for any other."""
    detail: NDArray[np.str_]
    """One of `DETAILS` where the cause is ``denoiser`` and that station was probed, else empty."""
    needed: dict[str, BoolArray]
    """For each slot, whether the prompt's failure turns on it."""
    lost: dict[str, BoolArray]
    """For each slot, whether it is needed and surely lost at the text encoder."""


def attribute(
    success: ArrayLike,
    has_slot: Mapping[str, ArrayLike],
    encoder: Mapping[str, DecodedSlot],
    *,
    denoiser: Mapping[str, DecodedSlot] | None = None,
    slot_correct: Mapping[str, ArrayLike] | None = None,
    heads: Mapping[str, Sequence[str]] | None = None,
) -> Attribution:
    """Attribute each failing prompt.

    The rule is stated at the top of this module.

    Args:
        success: 1 for a right image, 0 for a wrong one, NaN for one left out, `(n, seeds)`.
        has_slot: for each slot whether the prompt has it, `(n,)`.
        encoder: readings at the text encoder by slot; a slot that is missing was not read.
        denoiser: the same at the denoiser, or None when that station is off.
        slot_correct: for each slot whether it is right in each image, `(n, seeds)`, NaN where
            unknown; None for a judge that does not judge slots.
        heads: for each relation the slots of the nouns it stands between.
    """
    outcomes = outcome_array(success)
    wrong, right = judged_counts(outcomes)
    judged = wrong + right
    rate = np.divide(right, judged, out=np.full(judged.shape, np.nan), where=judged > 0)
    failing = wrong > 0

    needed = needed_slots(outcomes, has_slot, slot_correct, heads or {})
    at_encoder = station_states(needed, encoder)
    nothing = np.zeros(len(outcomes), dtype=bool)
    lost, held = _any(at_encoder.lost, nothing), _all(at_encoder.held, ~nothing)
    chance = rate > 0.5
    cause = np.select(
        [~failing, chance, lost, held], ["", "chance", "encoder", "denoiser"], "unclear"
    )
    detail = np.full(cause.shape, "", dtype="<U18")
    if denoiser is not None:
        inside = station_states(needed, denoiser)
        found = np.select(
            [_any(inside.lost, nothing), _all(inside.held, ~nothing)],
            ["lost_on_the_way_in", "held_not_drawn"],
            "unclear",
        )
        detail = np.where(cause == "denoiser", found, "")
    return Attribution(failing, rate, cause, detail, needed, at_encoder.lost)


def decodable_threshold(presence: ArrayLike) -> FloatArray:
    """The probability from which a slot counts as decodable, given the words-alone baseline's."""
    guess = np.minimum(np.asarray(presence, dtype=np.float64), PRESENCE_CAP)
    return (1 + guess) / 2


def needed_slots(
    outcomes: FloatArray,
    has_slot: Mapping[str, ArrayLike],
    slot_correct: Mapping[str, ArrayLike] | None,
    heads: Mapping[str, Sequence[str]],
) -> dict[str, BoolArray]:
    """Which slots each failing prompt's failure turns on, `(n,)` each; see `attribute`."""
    failed = outcomes == 0
    failing = failed.any(axis=1)
    present = {slot: np.asarray(has, dtype=bool) & failing for slot, has in has_slot.items()}
    wrong = {}
    for slot, has in present.items():
        right = None if slot_correct is None else slot_correct.get(slot)
        if right is None:
            wrong[slot] = np.zeros_like(has)
        else:
            wrong[slot] = has & (failed & (np.asarray(right, dtype=np.float64) == 0)).any(axis=1)
    for slot, nouns in heads.items():
        for noun in nouns:
            wrong[noun] = wrong[noun] | (wrong[slot] & present[noun])
    any_wrong = _any(wrong, np.zeros_like(failing))
    return {slot: np.where(any_wrong, wrong[slot], present[slot]) for slot in present}


@dataclass(frozen=True, eq=False)
class StationStates:
    """What is sure about the needed slots at one station; all arrays `(n,)`."""

    lost: dict[str, BoolArray]
    """Needed and surely lost."""
    held: dict[str, BoolArray]
    """Surely held, or not needed."""


def station_states(
    needed: Mapping[str, BoolArray], readings: Mapping[str, DecodedSlot]
) -> StationStates:
    """Which needed slots are surely lost, and which surely held, at one station."""
    lost, held = {}, {}
    for slot, wanted in needed.items():
        reading = readings.get(slot)
        if reading is None:
            lost[slot], held[slot] = np.zeros_like(wanted), ~wanted
            continue
        # A comparison with NaN is false, so what was not read is neither lost nor held.
        threshold = decodable_threshold(reading.presence)
        lost[slot] = wanted & (reading.upper < threshold)
        held[slot] = ~wanted | (reading.lower >= threshold)
    return StationStates(lost, held)


def attribution_shares(
    attribution: Attribution,
    success: ArrayLike,
    clusters: ArrayLike,
    *,
    rng: np.random.Generator,
    resamples: int = 1000,
) -> AttributionShares:
    """Shares of the causes over failing prompts, intervals over compositions, and the culprit."""
    failing = attribution.failing
    groups = np.asarray(clusters)

    def share(column: NDArray[np.str_], name: str) -> Interval:
        chosen = (column[failing] == name).astype(float)
        return clustered_share(chosen, groups[failing])

    failure_rate = image_rate(1 - outcome_array(success), groups)
    causes = {name: share(attribution.cause, name) for name in CAUSES}
    probed = bool((attribution.detail != "").any())
    details = {name: share(attribution.detail, name) for name in DETAILS} if probed else {}
    return AttributionShares(causes, details, failure_rate, culprit(causes, failure_rate))


def culprit(shares: Mapping[Cause, Interval], failure_rate: Interval) -> Culprit:
    """Name the model's culprit from the shares of its failing prompts.

    - ``few failures`` when no image is wrong, or when the interval of the failure rate stays at
      or below 0.10;
    - else the largest share, if its interval's lower end is above the next share's estimate and
      at least 5 prompts fail;
    - else ``unclear``, as when that largest share is ``unclear`` itself or no image was judged.
    """
    if failure_rate.n == 0:
        return "unclear"
    if failure_rate.estimate == 0 or failure_rate.upper <= FEW_FAILURES:
        return "few failures"
    first, second = by_share(shares)[:2]
    enough = shares[first].n >= FEWEST_FAILING
    return first if enough and shares[first].lower > shares[second].estimate else "unclear"


def by_share(shares: Mapping[Cause, Interval]) -> list[Cause]:
    """The causes from the largest share to the smallest; equal ones in the order of `CAUSES`."""
    return sorted(CAUSES, key=lambda name: shares[name].estimate, reverse=True)


def _any(columns: Mapping[str, BoolArray], none: BoolArray) -> BoolArray:
    """Where any of `columns` is true; `none` where there is no column."""
    result: BoolArray = np.logical_or.reduce([none, *columns.values()])
    return result


def _all(columns: Mapping[str, BoolArray], none: BoolArray) -> BoolArray:
    """Where all of `columns` are true; `none` where there is no column."""
    result: BoolArray = np.logical_and.reduce([none, *columns.values()])
    return result
