"""All differences between several success rates at once, by a paired bootstrap over compositions.

The hypotheses are ordered: "run i is not better than run j", for every i and j. They are tested by
the largest studentised difference, step by step (Romano and Wolf 2005, Econometrica 73, p. 1237),
which Mogstad, Romano, Shaikh and Wilhelm (2024, Review of Economic Studies 91, p. 476) turn into
intervals for ranks.

The bootstrap is the wild one: a resample gives each composition's differences a sign by chance, the
same for all runs, so what makes a composition hard for all of them cancels, and runs that are
correlated stay so. The errors are those under the hypothesis that there is no difference (Davidson
and Flachaire 2008, Journal of Econometrics 146, p. 162): no sign changes them, and two runs that
differ only by chance differ in either direction alike, so that the test of such a pair is exact. On
images that are right or wrong, one a composition, it is McNemar's.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

# The critical value is then known to a few hundredths.
RESAMPLES = 1000
# Where fewer compositions depart from what all others say of two runs, their spread says nothing of
# how often one may; so many then count as having come out otherwise.
FEWEST = 3
ROUNDING = 1e-9
# Verdicts are whole numbers, so scores are often equal; single precision must not part them.
TIE = 1e-5
# Values in one block of resampled differences; larger ones leave the processor's cache.
BLOCK = 1 << 20


@dataclass(frozen=True, eq=False)
class Differences:
    """Success of each of `k` runs less that of each other one; all arrays are ``(k, k)``."""

    difference: FloatArray
    """Of the row's run less the column's."""
    error: FloatArray
    """Standard error."""
    p_value: FloatArray
    """Two-sided, of the pair alone, by Student's t."""
    adjusted: FloatArray
    """One-sided, that the row's run is not better than the column's, corrected for all ordered
    pairs by step-down; 1 on the diagonal."""
    reach: float
    """In standard errors, half the width of intervals of all differences that hold together."""
    compositions: int


def all_differences(
    right: FloatArray,
    judged: FloatArray,
    *,
    rng: np.random.Generator,
    resamples: int = RESAMPLES,
    level: float = 0.95,
) -> Differences:
    """Compare runs over the compositions that they share.

    Args:
        right: right images of each run and composition, ``(k, c)``, of two compositions or more.
        judged: images with a verdict, ``(k, c)``; each run has some.
        rng: source of the resamples.
        resamples: how often signs are drawn.
        level: coverage of all intervals together.
    """
    from scipy import stats

    _, c = right.shape
    totals = judged.sum(axis=1)
    rates = right.sum(axis=1) / totals
    share = judged / totals[:, None]
    # How far one composition moves each rate: the linear part of a ratio of sums.
    moved = (right - rates[:, None] * judged) / totals[:, None]
    least = FEWEST * float((share**2).sum(axis=1).max()) / c
    floor = np.where(_all_alike(right, judged), least, 0.0)
    difference = rates[:, None] - rates[None, :]
    variance = np.maximum(c / (c - 1) * _squares(moved), floor)
    error = np.sqrt(np.where(variance > ROUNDING * least, variance, least))
    # Each composition's part of a rate, so that the parts of two equal rates differ by chance only.
    parts = moved + rates[:, None] * share.mean(axis=0)
    under_null = np.sqrt(np.maximum(_squares(parts), floor))
    np.fill_diagonal(under_null, 1.0)
    score = difference / under_null
    signs = 2.0 * rng.integers(2, size=(c, resamples)) - 1
    drawn = np.asarray(parts @ signs, dtype=np.float32)
    adjusted, largest = _step_down(score, drawn, 1 / under_null)
    # One more for the data themselves, which keeps the level exact (Davison and Hinkley 1997,
    # section 4.2.5).
    order = min(math.ceil(level * (resamples + 1)), resamples) - 1
    # Runs that hardly differ have hardly any resampled difference; one pair needs as much as this.
    least_reach = float(stats.t.isf((1 - level) / 2, c - 1))
    return Differences(
        difference=difference,
        error=error,
        p_value=np.asarray(2 * stats.t.sf(_student(np.abs(score), c), c - 1)),
        adjusted=adjusted,
        reach=max(float(_student(np.sort(largest)[order], c)), least_reach),
        compositions=c,
    )


def _student(score: ArrayLike, c: int) -> FloatArray:
    """A difference in its own standard errors, from that in errors under no difference.

    Of `c` values, the mean square is their variance and the square of their mean.
    """
    squares = np.square(np.asarray(score, dtype=np.float64))
    with np.errstate(divide="ignore"):
        return np.sqrt(squares * (c - 1) / np.maximum(c - squares, 0.0))


def _squares(values: FloatArray) -> FloatArray:
    """The sum over compositions of the squared difference of each two rows, ``(k, k)``."""
    products = values @ values.T
    own = np.diag(products)
    return np.maximum(own[:, None] + own[None, :] - 2 * products, 0.0)


def _all_alike(right: FloatArray, judged: FloatArray) -> NDArray[np.bool_]:
    """Whether all but fewer than `FEWEST` compositions say the same of two runs, ``(k, k)``: that
    they are equal, or that one has every image right and the other none."""
    count = right.shape[1]
    every, none = ((right == judged) & (judged > 0)).astype(float), (right == 0).astype(float)
    opposite = np.maximum(every @ none.T, none @ every.T)
    equal = [((right == right[i]) & (judged == judged[i])).sum(axis=1) for i in range(len(right))]
    return np.maximum(opposite, np.array(equal)) > count - FEWEST


def _step_down(
    score: FloatArray, drawn: NDArray[np.float32], precision: FloatArray
) -> tuple[FloatArray, NDArray[np.float32]]:
    """Adjusted p-values, ``(k, k)``, and the largest score of each resample, ``(resamples,)``.

    The p-value of a hypothesis is the share of resamples whose largest score, over it and all
    hypotheses with smaller scores, reaches its own (Romano and Wolf 2016, Statistics and
    Probability Letters 113, p. 38).
    """
    k, resamples = drawn.shape
    first, second = np.nonzero(~np.eye(k, dtype=bool))
    order = np.argsort(score[first, second], kind="stable")
    first, second = first[order], second[order]
    own = score[first, second].astype(np.float32)
    inverse = precision[first, second].astype(np.float32)
    reached = np.full(len(order), resamples)
    largest = np.full(resamples, -np.inf, dtype=np.float32)
    # No p-value is needed of a difference that is not above 0.
    above = int(np.searchsorted(own, 0, side="right"))
    for part in _blocks(0, above, resamples):
        scores = (drawn[first[part]] - drawn[second[part]]) * inverse[part, None]
        np.maximum(largest, scores.max(axis=0), out=largest)
    for part in _blocks(above, len(order), resamples):
        scores = (drawn[first[part]] - drawn[second[part]]) * inverse[part, None]
        np.maximum(scores[0], largest, out=scores[0])
        np.maximum.accumulate(scores, axis=0, out=scores)
        largest = scores[-1].copy()
        reached[part] = (scores >= own[part, None] - TIE).sum(axis=1)
    p = (1 + reached) / (1 + resamples)
    adjusted = np.ones((k, k))
    # No hypothesis is rejected before one with a larger score.
    adjusted[first, second] = np.maximum.accumulate(p[::-1])[::-1]
    return adjusted, largest


def _blocks(start: int, end: int, resamples: int) -> Iterator[slice]:
    step = max(BLOCK // resamples, 1)
    for first in range(start, end, step):
        yield slice(first, min(first + step, end))
