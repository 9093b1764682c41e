"""The difference of two shares of the same items, such as images of one prompt and seed by two
models, where the items come in clusters.

Only items that differ tell anything: `b` that are right in the second alone, `c` in the first
alone, of `n`. The interval is the score interval of Tango (1998, Statistics in Medicine 17,
p. 891), which keeps its width where no item differs. Clusters are taken in by their design effect:
all counts are divided by it (Rao and Scott 1992, Biometrics 48, p. 577), and by ``(t / z)^2``, as
few clusters tell it but roughly (Korn and Graubard 1998, Survey Methodology 24, p. 193).

The effect is at least 1. Where fewer than `FEWEST` clusters differ from the others, it is at least
that of one item a cluster.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from t2i_audit.results.interval import Interval, undefined
from t2i_audit.stats.jackknife import Groups
from t2i_audit.stats.pair_shares import PairWeights
from t2i_audit.stats.shares import FEWEST

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class PairedCounts:
    """What `n` paired items, each 0 or 1 in both, say of the difference of the two shares."""

    better: int
    """Items that are 1 in the second alone."""
    worse: int
    """Items that are 1 in the first alone."""
    n: int
    clusters: int
    variance: float
    """Of the difference, over clusters; NaN below two."""
    few: bool
    """Whether too few clusters differ from the others to show their spread."""

    @classmethod
    def of(cls, first: ArrayLike, second: ArrayLike, clusters: ArrayLike) -> PairedCounts:
        """From items, each 0 or 1, and their clusters, all ``(n,)``."""
        change = np.asarray(second, dtype=np.float64) - np.asarray(first, dtype=np.float64)
        n = len(change)
        _, owner = np.unique(np.asarray(clusters), return_inverse=True)
        count = int(owner.max(initial=-1)) + 1
        better, worse = int((change > 0).sum()), int((change < 0).sum())
        unlike = change != _commonest(change)
        variance = math.nan
        if count > 1:
            residuals = np.bincount(owner, change - change.mean()) / n
            variance = count / (count - 1) * float(residuals @ residuals)
        different = len(np.unique(owner[unlike]))
        return cls(better, worse, n, count, variance, different < FEWEST)

    @property
    def difference(self) -> float:
        """The second share less the first; NaN without items."""
        return (self.better - self.worse) / self.n if self.n else math.nan

    @property
    def independent(self) -> float:
        """The variance of the difference, were all items independent."""
        return ((self.better + self.worse) / self.n - self.difference**2) / self.n

    def interval(self, *, level: float = 0.95) -> Interval:
        """The difference with its interval over clusters; NaN ends below two clusters."""
        if not self.n:
            return undefined()
        if self.clusters < 2:
            return Interval(self.difference, math.nan, math.nan, self.n)
        return self._interval(self._effect(self.variance, self.clusters - 1, level), level)

    def p_value(self) -> float:
        """Of no difference, two-sided: the level at which the interval ends at 0."""
        from scipy import stats

        differing = self.better + self.worse
        if self.clusters < 2:
            return math.nan
        if self.better == self.worse:
            return 1.0
        statistic = abs(self.better - self.worse) / math.sqrt(differing)
        levels = [2 * float(stats.norm.sf(statistic))]
        if self.independent > 1e-15:
            raised = self.variance / self.independent
            degrees = self.clusters - 1
            reduced = statistic / math.sqrt(raised) if raised > 0 else math.inf
            levels.append(2 * float(stats.t.sf(reduced, degrees)))
        if self.few:
            alone = statistic / math.sqrt(self.n / self.clusters)
            levels.append(2 * float(stats.norm.sf(alone)))
        return max(levels)

    def interval_over_pairs(
        self, variance: float, degrees: float, *, least: float, level: float = 0.95
    ) -> Interval:
        """The interval for pairs in general; never narrower than that over clusters.

        Args:
            variance: of the difference, over pairs.
            degrees: of freedom of `variance`.
            least: by how much the counts are divided at least.
            level: coverage of the interval.
        """
        own = self._effect(self.variance, self.clusters - 1, level)
        return self._interval(max(own, self._effect(variance, degrees, level), least), level)

    def _effect(self, variance: float, degrees: float, level: float) -> float:
        """By how much the counts are divided."""
        from scipy import stats

        effects = [1.0, self.n / self.clusters if self.few else 1.0]
        if self.independent > 1e-15:
            upper = (1 + level) / 2
            widened = stats.t.ppf(upper, degrees) / stats.norm.ppf(upper)
            effects.append(variance / self.independent * float(widened) ** 2)
        return max(effects)

    def _interval(self, effect: float, level: float) -> Interval:
        counts = (each / effect for each in (self.better, self.worse, self.n))
        lower, upper = tango_ends(*counts, level=level)
        middle = self.difference
        return Interval(middle, min(lower, middle), max(upper, middle), self.n)


def difference_over_pairs(
    first: ArrayLike, second: ArrayLike, clusters: ArrayLike, pairs: Groups
) -> Interval:
    """The difference with an interval for pairs of values in general.

    The variance is that of `t2i_audit.stats.pair_shares`, of the items' changes.

    Args:
        first, second, clusters: of each item, ``(n,)``.
        pairs: the items of each pair.

    Returns:
        NaN throughout where an item has no pair, and NaN ends where there are too few pairs.
    """
    counts = PairedCounts.of(first, second, clusters)
    weights = PairWeights.of(np.ones(counts.n), pairs)
    if not counts.n or not weights.times.all():
        return undefined()
    if weights.are_few or counts.clusters < 2:
        return Interval(counts.difference, math.nan, math.nan, counts.n)
    change = np.asarray(second, dtype=np.float64) - np.asarray(first, dtype=np.float64)
    variance = weights.variance((change - counts.difference) / counts.n, pairs)
    few = pairs.having(change != _commonest(change)) < FEWEST
    least = counts.n / weights.even if few else 1.0
    return counts.interval_over_pairs(variance, weights.degrees, least=least)


def tango_ends(
    better: float, worse: float, n: float, *, level: float = 0.95
) -> tuple[float, float]:
    """The ends of Tango's score interval of ``(better - worse) / n``; counts may be fractions."""
    return -_upper(worse, better, n, level), _upper(better, worse, n, level)


def _commonest(change: FloatArray) -> int:
    """The change that most items have: 1, 0 or -1."""
    return max((0, 1, -1), key=lambda kind: int((change == kind).sum()))


def _upper(better: float, worse: float, n: float, level: float) -> float:
    from scipy import optimize, stats

    z = float(stats.norm.ppf((1 + level) / 2))
    middle = (better - worse) / n

    def beyond(difference: float) -> float:
        """Above 0 where `difference` is rejected."""
        # The share of the rarer change at this difference: equation (9) of the article.
        slope = (2 * n - better + worse) * difference - better - worse
        product = -worse * difference * (1 - difference)
        share = (math.sqrt(max(slope**2 - 8 * n * product, 0.0)) - slope) / (4 * n)
        variance = n * (2 * share + difference * (1 - difference))
        return (better - worse - n * difference) ** 2 - z**2 * variance

    # With no change at all `beyond` is 0 at the estimate too, which is not the end.
    start = middle + 1e-9
    if start >= 1:
        return 1.0
    return float(optimize.brentq(beyond, start, 1.0, xtol=1e-10))
