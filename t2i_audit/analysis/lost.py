"""How sure it is that what an image needed was lost at a station.

A slot's *probability of being lost*, in a prompt whose true value the probe gives the probability
``p`` with standard error ``e``:

    q = Phi((t - p) / max(e, 0.05))

Values that are read as one another share the mean of their probabilities, as a guess between them
is no knowledge. ``t`` is the threshold of the slot's verdict (`t2i_audit.probes.verdicts`): half
way from what the words alone give, at most one half, to certainty. A value just below it counts
about half, not wholly: the probe's probability is no better known than that.

An *outcome* is what a judge tells right from wrong: a slot, or the prompt as a whole. It needs its
own slot; a relation also needs the nouns that it stands between; the prompt as a whole needs every
slot. It is called lost as surely as the one of these that is most surely lost.

What is drawn right cannot have been lost, so the calls are checked against the images. ``R_lost``
is the share drawn right where the outcome is called lost, ``R_held`` the share where it is not. A
guess between two values is right half of the time, hence

    believed = P(R_lost < 3/4 | images), 3/4 being half way from that guess to certainty

from a beta posterior with Jeffreys' prior, each prompt one trial. A probe of the denoiser reads
states full of noise, and from few prompts it calls much lost that is not. So there ``believed`` is
0 unless ``R_lost`` is also below ``R_held`` by more than two standard errors, both over prompts
that the text encoder holds: what it lost itself is lost at the denoiser as well.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

# The folds of a probe share training prompts, so their spread understates its error. On held-out
# compositions the probabilities themselves are off by .03 to .08 (expected calibration error).
LEAST_ERROR = 0.05

# Half way from a guess between two values to certainty.
OFTEN = 0.75

# Standard errors between two shares that surely differ.
SURELY = 2.0

WHOLE = "the whole prompt"
"""Name of the outcome that is judged where a judge does not tell slots."""


@dataclass(frozen=True, eq=False)
class DecodedSlot:
    """How well one slot is decoded from one station, prompt by prompt; arrays are `(n,)`."""

    probability: FloatArray
    """Of the true value, out of fold; NaN where it was not read."""
    error: FloatArray
    """Its standard error over folds."""
    threshold: float
    """The probability from which the slot counts as decodable."""

    def without_guesses(self, values: Sequence[str], read_as: Mapping[str, str]) -> DecodedSlot:
        """The same with one probability for all prompts of values that are not told apart.

        A probe that knows no more than that it is one of two values may always say the same one,
        and is sure of it wherever it happens to be true. So prompts of both have the mean over
        these values, with its standard error.

        Args:
            values: the slot's value in each prompt, `(n,)`; anything where it has none.
            read_as: by value that is lost, the value that it is read as.
        """
        own = np.asarray(values)
        groups = {value: frozenset([value]) for pair in read_as.items() for value in pair}
        for pair in read_as.items():
            joined = groups[pair[0]] | groups[pair[1]]
            groups |= dict.fromkeys(joined, joined)
        probability, error = self.probability.copy(), self.error.copy()
        read = ~np.isnan(probability)
        for group in set(groups.values()):
            members = [self.probability[read & (own == value)] for value in sorted(group)]
            members = [each for each in members if len(each)]
            if not members:
                continue
            means = [each.mean() for each in members]
            variances = [each.var() / len(each) for each in members]
            mixed = read & np.isin(own, sorted(group))
            probability[mixed] = np.mean(means)
            error[mixed] = np.sqrt(sum(variances)) / len(members)
        return replace(self, probability=probability, error=error)

    def lost(self) -> FloatArray:
        """The probability that the slot is lost, `(n,)`; NaN where it was not read."""
        from scipy.special import ndtr

        error = np.fmax(self.error, LEAST_ERROR)
        lost: FloatArray = ndtr((self.threshold - self.probability) / error)
        return lost


@dataclass(frozen=True, eq=False)
class Outcome:
    """What a judge tells right from wrong in the images of `n` prompts."""

    right: FloatArray
    """1, 0, or NaN where it was not judged, `(n, seeds)`."""
    needs: dict[str, BoolArray]
    """For each slot whether the prompt's outcome needs it, `(n,)`."""

    @property
    def counts(self) -> tuple[FloatArray, FloatArray]:
        """Right images and judged images of each prompt, two `(n,)` arrays."""
        return (self.right == 1).sum(axis=1) * 1.0, (~np.isnan(self.right)).sum(axis=1) * 1.0


def outcomes_of(
    success: FloatArray,
    has_slot: Mapping[str, ArrayLike],
    slot_correct: Mapping[str, ArrayLike] | None,
    heads: Mapping[str, Sequence[str]],
) -> dict[str, Outcome]:
    """Every slot that is judged, and last the prompt as a whole; see `attribute`."""
    has = {slot: np.asarray(each, dtype=bool) for slot, each in has_slot.items()}
    outcomes = {}
    for slot, right in (slot_correct or {}).items():
        if slot in has:
            parts = [slot, *(noun for noun in heads.get(slot, ()) if noun in has)]
            needs = {part: has[part] & has[slot] for part in parts}
            outcomes[slot] = Outcome(np.asarray(right, dtype=np.float64), needs)
    outcomes[WHOLE] = Outcome(success, has)
    return outcomes


@dataclass(frozen=True, eq=False)
class Calls:
    """What one station says of one outcome; all arrays `(n,)`."""

    lost: FloatArray
    """Probability that something the outcome needs is lost; 0 where nothing was read."""
    read: BoolArray
    """Whether all that the outcome needs was read."""
    right: FloatArray
    """Share of the prompt's images in which the outcome is right; NaN where none was judged."""
    held: FloatArray | None = None
    """Of the denoiser: how surely the text encoder holds all of that. Only such prompts count, and
    the outcome must surely be drawn right less often where it is called lost."""

    def believed(self, drawn: FloatArray) -> FloatArray:
        """How far calls of lost are believed in each resample, `(b,)`.

        Args:
            drawn: how often each prompt is in each resample, `(b, n)`.
        """
        from scipy.special import betainc

        if self.held is not None and not self.differs():
            return np.zeros(len(drawn))
        known = self.read & ~np.isnan(self.right)
        lost = np.where(known, self.lost if self.held is None else self.lost * self.held, 0.0)
        right = np.where(known, self.right, 0.0)
        drawn_right = drawn @ (lost * right)
        drawn_wrong = drawn @ (lost * (1 - right))
        believed: FloatArray = betainc(0.5 + drawn_right, 0.5 + drawn_wrong, OFTEN)
        return believed

    def differs(self) -> bool:
        """Whether the outcome is surely right less often where it is called lost."""
        known = self.read & ~np.isnan(self.right)
        right, lost = self.right[known], self.lost[known]
        held = np.ones(len(right)) if self.held is None else self.held[known]
        means, variances = [], []
        for weights in (lost * held, (1 - lost) * held):
            total = weights.sum()
            if total < 1:
                return False
            mean = (weights @ right) / total
            means.append(mean)
            # Prompts that are all alike still leave their share open, as Jeffreys' prior says.
            shrunk = (weights @ right + 0.5) / (total + 1)
            spread = (weights**2 @ (right - mean) ** 2) / total**2
            variances.append(max(spread, shrunk * (1 - shrunk) / (total + 2)))
        return bool(means[1] - means[0] > SURELY * np.sqrt(sum(variances)))


def calls_of(
    outcome: Outcome, readings: Mapping[str, DecodedSlot], *, encoder: Calls | None = None
) -> Calls:
    """What the station with these `readings` says of `outcome`; after what the `encoder` says."""
    n = len(outcome.right)
    lost, read = np.zeros(n), np.ones(n, dtype=bool)
    for slot, needed in outcome.needs.items():
        own = readings[slot].lost() if slot in readings else np.full(n, np.nan)
        read &= ~needed | ~np.isnan(own)
        lost = np.where(needed, np.fmax(lost, own), lost)
    right, judged = outcome.counts
    share = np.divide(right, judged, out=np.full(n, np.nan), where=judged > 0)
    held = None if encoder is None else np.where(encoder.read, 1 - encoder.lost, 0.0)
    return Calls(lost, read, share, held)
