"""Which differences two runs can tell apart, and how many prompts or seeds would.

The variance of the difference has a part that more seeds make smaller, the chance of single images,
and one that they do not, as prompts differ in how much the candidate changes them:

    V = V_prompts + W / N        N images of each run, of compositions c with m_c images

`V` is the variance over compositions, ``W`` the mean variance within prompts over seeds. More
prompts make both smaller, more seeds the second alone. A difference ``D`` is seen where its
interval leaves out 0, with the probability of a t-test with the noncentrality ``D / sqrt(V)`` and
(compositions - 1) degrees of freedom (Cohen 1988, chapter 2).

- *After*, V and W are those of the paired differences.
- *Before*, there is the base alone. With `V_b` and ``W_b`` of its images, a candidate that is as
  noisy, and a correlation ``r`` of the two models' success rates over prompts,

      V_prompts = 2 (1 - r) (V_b - W_b / N)        W = 2 W_b

  which takes the images of one prompt and seed as independent given the prompt.

A difference of ``D`` needs a share of at least ``D`` of the images to change, so that `V` is at
least ``D (1 - D) / N``. And where few or no images changed, V is that of one more change each way
(Bonett and Price 2012, Journal of Educational and Behavioral Statistics 37, p. 479).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from t2i_audit.analysis.paired.rates import PairedImages
from t2i_audit.results.comparison import SmallestDifference
from t2i_audit.stats.paired_shares import PairedCounts
from t2i_audit.stats.shares import FEWEST

FloatArray = NDArray[np.float64]

POINTS = (1.0, 2.0, 5.0)
POWER = 0.8
LEVEL = 0.95
MOST = 10**9  # prompts or seeds beyond which none suffice
# The noncentral t is normal from so many degrees of freedom on, and overflows far out.
LARGE = 10_000
CERTAIN = 30.0


@dataclass(frozen=True)
class Noise:
    """How far the difference of two runs varies by chance."""

    prompts: int
    seeds: int
    images: int
    """Of each run."""
    clusters: int
    variance: float
    """Of the difference, in all."""
    by_seeds: float
    """The part of `variance` that twice as many seeds halve; NaN where one seed cannot tell."""

    def power(self, points: float, *, prompts: float = 1.0, seeds: float = 1.0) -> float:
        """The probability that a difference is seen, with so many times the prompts and seeds."""
        from scipy import stats

        share = points / 100
        degrees = self.clusters * prompts - 1
        if degrees < 1:
            return 0.0
        variance = self.variance
        if seeds != 1:
            variance -= self.by_seeds * (1 - 1 / seeds)
        needed = share * (1 - share) / (self.images * seeds)
        effect = share / math.sqrt(max(variance, needed) / prompts)
        critical = float(stats.t.ppf((1 + LEVEL) / 2, degrees))
        if degrees > LARGE:
            return float(stats.norm.sf(critical - effect))
        return float(stats.nct.sf(critical, degrees, effect)) if effect < CERTAIN else 1.0


def noise_found(images: PairedImages) -> Noise:
    """The noise of two runs, from the differences of their images; there is at least one image."""
    base, candidate, owners = images.flat()
    counts = PairedCounts.of(base, candidate, owners)
    trials = counts.clusters if counts.few else counts.n
    changed = (counts.better + counts.worse) * trials / counts.n
    moved = counts.difference * trials
    least = ((changed + 2) / (trials + 2) - (moved / (trials + 2)) ** 2) / (trials + 2)
    within = _within(images.candidate - images.base)
    return _noise(images, counts.n, counts.clusters, counts.variance, least, within)


def noise_expected(images: PairedImages, *, correlation: float) -> Noise:
    """The noise of a run and a candidate like it.

    Args:
        images: of the run, as base and as candidate.
        correlation: of the two models' success rates over prompts, from 0 to 1.
    """
    base, _, owners = images.flat()
    n, share = len(base), float(base.mean())
    _, owner = np.unique(owners, return_inverse=True)
    sums = np.bincount(owner, (base - share) / n)
    count = len(sums)
    rarer = base != (share > 0.5)
    trials = count if len(np.unique(owner[rarer])) < FEWEST else n
    near = (share * trials + 1) / (trials + 2)
    least = near * (1 - near) / (trials + 2)
    own = max(count / max(count - 1, 1) * float(sums @ sums), least)
    within = _within(images.base)
    if math.isnan(within):
        # One seed cannot tell what prompts share, so nothing is taken as shared.
        return _noise(images, n, count, 2 * own, 0.0, within)
    within = min(within, own * n)
    total = 2 * (1 - correlation) * (own - within / n) + 2 * within / n
    return _noise(images, n, count, total, 0.0, 2 * within)


def seen_differences(noise: Noise) -> tuple[SmallestDifference, ...]:
    """For differences of `POINTS`, how surely they are seen and what would see them."""
    return tuple(
        SmallestDifference(
            points, noise.power(points), _prompts_for(noise, points), _seeds_for(noise, points)
        )
        for points in POINTS
    )


def _prompts_for(noise: Noise, points: float) -> int | None:
    return _fewest(lambda count: noise.power(points, prompts=count / noise.prompts))


def _seeds_for(noise: Noise, points: float) -> int | None:
    if math.isnan(noise.by_seeds):
        return None
    return _fewest(lambda count: noise.power(points, seeds=count / noise.seeds))


def _noise(
    images: PairedImages, n: int, clusters: int, variance: float, least: float, within: float
) -> Noise:
    total = max(variance, least) if clusters > 1 else math.inf
    return Noise(
        prompts=int(images.both.any(axis=1).sum()),
        seeds=int(images.both.any(axis=0).sum()),
        images=n,
        clusters=clusters,
        variance=total,
        by_seeds=math.nan if math.isnan(within) else min(within / n, total),
    )


def _within(values: FloatArray) -> float:
    """The mean variance of `values`, ``(n, seeds)`` with NaN, within rows; NaN for one seed."""
    known = ~np.isnan(values)
    sizes = known.sum(axis=1)
    several = sizes > 1
    if not several.any():
        return math.nan
    rows = np.where(known, values, 0.0)[several]
    counts = sizes[several]
    means = rows.sum(axis=1) / counts
    squares = (rows**2).sum(axis=1) - counts * means**2
    return float(squares.sum() / (counts - 1).sum())


def _fewest(power: Callable[[int], float]) -> int | None:
    """The least number from 1 whose power is `POWER`, which grows with it; None above `MOST`."""
    if power(MOST) < POWER:
        return None
    low, high = 0, 1
    while power(high) < POWER:
        low, high = high, high * 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if power(middle) >= POWER else (middle, high)
    return high
