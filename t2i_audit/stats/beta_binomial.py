"""The beta-binomial model of items that are tried a few times each, such as prompts over seeds.

Each item has a probability of its own, drawn from a beta distribution of mean ``mean`` and
intraclass correlation ``icc``; its trials are independent given that (Williams 1975, Biometrics 31,
p. 949). At ``icc`` 0 all items have one probability; at 1 every item always or never succeeds.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from t2i_audit.results.interval import Interval, undefined

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

# Neither end is fitted by a formula of its own: so near to it the likelihood does not change.
NEAREST = 1e-6
# Means at which the likelihood is summed; the step is below a standard error at 4,000 trials.
MEANS = 200
IMPOSSIBLE = -1e9


@dataclass(frozen=True)
class BetaBinomial:
    """The distribution of items' probabilities."""

    mean: float
    """Probability that a trial of an item not yet seen succeeds."""
    icc: float
    """Correlation of two trials of one item, from 0 to 1."""
    log_likelihood: float = math.nan

    def _shape(self, right: FloatArray, judged: FloatArray) -> tuple[FloatArray, FloatArray]:
        icc = min(max(self.icc, NEAREST), 1 - NEAREST)
        mean = min(max(self.mean, NEAREST), 1 - NEAREST)
        total = 1 / icc - 1
        return mean * total + right, (1 - mean) * total + judged - right

    def expected(self, right: ArrayLike, judged: ArrayLike) -> FloatArray:
        """The mean of each item's probability given its trials, ``(n,)``; `mean` for no trial."""
        alpha, beta = self._shape(*_counts(right, judged))
        return np.asarray(alpha / (alpha + beta))

    def probability_above(
        self, threshold: float, right: ArrayLike, judged: ArrayLike
    ) -> FloatArray:
        """``P(p > threshold)`` of each item given its trials, ``(n,)``."""
        from scipy import stats

        alpha, beta = self._shape(*_counts(right, judged))
        return np.asarray(stats.beta.sf(threshold, alpha, beta))


def fit_beta_binomial(right: ArrayLike, judged: ArrayLike) -> BetaBinomial:
    """Fit by maximum likelihood.

    Args:
        right: successes of each item, ``(n,)``.
        judged: its trials, ``(n,)``; items of none do not count.

    Raises:
        ValueError: there is no trial, or more successes than trials.
    """
    table = _Table.of(right, judged)
    icc = _highest(lambda value: _best_mean(table, value)[1])
    mean, height = _best_mean(table, icc)
    return BetaBinomial(mean, icc, height)


def icc_interval(
    right: ArrayLike,
    judged: ArrayLike,
    clusters: ArrayLike,
    *,
    strata: ArrayLike | None = None,
    level: float = 0.95,
) -> Interval:
    """The intraclass correlation with its likelihood interval; `n` counts items.

    The mean of each stratum is integrated out under Jeffreys' prior (Berger, Liseo and Wolpert
    1999, Statistical Science 14, p. 1): with a mean fitted to each of many strata of a few items,
    the correlation would come out too small. The interval holds the values whose log-likelihood is
    within ``t^2 / 2`` of the highest, with t of Student at (clusters - 1) degrees of freedom. Where
    items of one cluster are alike, the likelihood claims to know more than it does, and ``t^2`` is
    multiplied by how much the clusters raise the variance of the estimate (Chandler and Bate 2007,
    Biometrika 94, p. 167).

    Args:
        right, judged: of each item, as `fit_beta_binomial` takes them.
        clusters: of each item, ``(n,)``.
        strata: of each item, ``(n,)``; the correlation is then that of items of one stratum.
        level: coverage of the interval.

    Returns:
        NaN throughout where no item has two trials, or the trials of each stratum came out alike;
        NaN ends for fewer than two clusters.
    """
    from scipy import optimize, stats

    successes, trials = _counts(right, judged)
    used = trials > 0
    n = int(used.sum())
    successes, trials = successes[used], trials[used]
    kinds = np.zeros(n) if strata is None else np.asarray(strata)[used]
    _, stratum = np.unique(kinds, return_inverse=True)
    ones, sizes = np.bincount(stratum, successes), np.bincount(stratum, trials)
    if n == 0 or trials.max() < 2 or not np.any((ones > 0) & (ones < sizes)):
        return undefined(n)
    _, owner = np.unique(np.asarray(clusters)[used], return_inverse=True)
    count = int(owner.max()) + 1
    height = _integrated(successes, trials, stratum)
    estimate = _highest(height)
    if count < 2:
        return Interval(estimate, math.nan, math.nan, n)
    mean = (ones / sizes)[stratum]
    raised = _raised_by_clusters(successes, trials, owner, mean, estimate)
    reach = float(stats.t.ppf((1 + level) / 2, count - 1)) ** 2 * raised / 2
    lowest = height(estimate) - reach

    def above(icc: float) -> float:
        return height(icc) - lowest

    lower = 0.0 if above(0.0) >= 0 else optimize.brentq(above, 0.0, estimate, xtol=1e-5)
    upper = 1.0 if above(1.0) >= 0 else optimize.brentq(above, estimate, 1.0, xtol=1e-5)
    return Interval(estimate, float(lower), float(upper), n)


def _integrated(
    right: FloatArray, judged: FloatArray, stratum: IntArray
) -> Callable[[float], float]:
    """The log-likelihood of a correlation, with each stratum's mean integrated out."""
    from scipy import special

    kinds, kind = np.unique(np.stack([right, judged]), axis=1, return_inverse=True)
    times = np.zeros((int(stratum.max()) + 1, kinds.shape[1]))
    np.add.at(times, (stratum, kind.reshape(-1)), 1)
    # Jeffreys' prior of a share is uniform in the angle whose squared sine it is.
    angles = (np.arange(MEANS) + 0.5) * math.pi / 2 / MEANS
    means = np.sin(angles) ** 2

    def height(icc: float) -> float:
        chances = _log_probability(kinds[0][:, None], kinds[1][:, None], means, icc)
        # A mixed outcome is impossible at a correlation of 1, and 0 times that is no number.
        sums = times @ np.maximum(chances, IMPOSSIBLE)
        return float(special.logsumexp(sums, axis=1).sum())

    return height


def _highest(height: Callable[[float], float]) -> float:
    grid = np.linspace(0.0, 1.0, 51)
    heights = [height(icc) for icc in grid]
    top = int(np.argmax(heights))
    found = _maximum(height, grid[max(top - 1, 0)], grid[min(top + 1, len(grid) - 1)])
    return found if height(found) > heights[top] else float(grid[top])


@dataclass(frozen=True, eq=False)
class _Table:
    """The different outcomes of items and how often each occurs; all ``(k,)``."""

    right: FloatArray
    judged: FloatArray
    times: FloatArray

    @classmethod
    def of(cls, right: ArrayLike, judged: ArrayLike) -> _Table:
        successes, trials = _counts(right, judged)
        used = trials > 0
        if not used.any():
            raise ValueError("a beta-binomial model needs at least one trial")
        kinds, times = np.unique(
            np.stack([successes[used], trials[used]]), axis=1, return_counts=True
        )
        return cls(kinds[0], kinds[1], times.astype(np.float64))


def _counts(right: ArrayLike, judged: ArrayLike) -> tuple[FloatArray, FloatArray]:
    successes, trials = np.asarray(right, dtype=np.float64), np.asarray(judged, dtype=np.float64)
    if successes.shape != trials.shape or (successes > trials).any() or (successes < 0).any():
        raise ValueError("`right` should be from 0 to `judged`, and both of one shape")
    return successes, trials


def _log_probability(
    right: FloatArray, judged: FloatArray, mean: float | FloatArray, icc: float
) -> FloatArray:
    """Of each outcome in one order of its trials."""
    from scipy import special

    with np.errstate(divide="ignore"):
        if icc < NEAREST:
            return np.asarray(special.xlogy(right, mean) + special.xlog1py(judged - right, -mean))
        if icc > 1 - NEAREST:
            always, never = right == judged, right == 0
            # No trial contradicts an item that is all right or all wrong, and any mixed one does.
            ends = np.where(always, np.log(mean), np.where(never, np.log1p(-mean), -np.inf))
            return np.asarray(np.where(judged == 0, 0.0, ends))
    total = 1 / icc - 1
    alpha, beta = mean * total, (1 - mean) * total
    return np.asarray(
        special.betaln(alpha + right, beta + judged - right) - special.betaln(alpha, beta)
    )


def _best_mean(table: _Table, icc: float) -> tuple[float, float]:
    """The mean of highest likelihood at this correlation, and its log-likelihood."""

    def height(mean: float) -> float:
        return float(table.times @ _log_probability(table.right, table.judged, mean, icc))

    if icc < NEAREST or icc > 1 - NEAREST:
        # Both ends are plain binomials: of trials, and of items.
        weights = table.times if icc > 0.5 else table.times * table.judged
        mean = float(weights @ (table.right / table.judged) / weights.sum())
        return mean, height(mean)
    mean = _maximum(height, NEAREST, 1 - NEAREST)
    return mean, height(mean)


def _maximum(height: Callable[[float], float], low: float, high: float) -> float:
    from scipy import optimize

    found = optimize.minimize_scalar(
        lambda value: -height(value), bounds=(low, high), method="bounded", options={"xatol": 1e-7}
    )
    return float(found.x)


def _raised_by_clusters(
    right: FloatArray, judged: FloatArray, owner: IntArray, mean: FloatArray, icc: float
) -> float:
    """How many times larger clusters make the variance of the correlation's estimate, at least 1.

    Both variances are the sandwich estimate (White 1982), from scores summed over clusters and from
    scores of items alone; they are equal where every cluster has one item.
    """
    step = 1e-4
    mean = np.clip(mean, 2 * step, 1 - 2 * step)
    icc = min(max(icc, 2 * step), 1 - 2 * step)

    def at(mean_step: int, icc_step: int) -> FloatArray:
        return _log_probability(right, judged, mean + mean_step * step, icc + icc_step * step)

    middle = at(0, 0)
    scores = np.stack([at(1, 0) - at(-1, 0), at(0, 1) - at(0, -1)], axis=1) / (2 * step)
    curvature = np.empty((2, 2))
    curvature[0, 0] = np.sum(at(1, 0) - 2 * middle + at(-1, 0))
    curvature[1, 1] = np.sum(at(0, 1) - 2 * middle + at(0, -1))
    mixed = np.sum(at(1, 1) - at(1, -1) - at(-1, 1) + at(-1, -1)) / 4
    curvature[0, 1] = curvature[1, 0] = mixed
    bread = np.linalg.pinv(curvature / step**2)
    summed = np.stack([np.bincount(owner, column) for column in scores.T], axis=1)
    alone, together = (float((bread @ s.T @ s @ bread)[1, 1]) for s in (scores, summed))
    return max(1.0, together / alone) if alone > 0 else 1.0
