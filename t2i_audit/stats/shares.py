"""The interval of a share of zeros and ones that come in clusters, such as images in compositions.

The interval is symmetric on the logit scale, with Student's t (Korn and Graubard 1998, Survey
Methodology 24, p. 193, compare it with others). Two rules keep it from closing where clusters
cannot show their spread:

- The interval is never narrower than that of as many independent items.
- Where fewer than `FEWEST` clusters have a one, or fewer than that have a zero, it is never
  narrower than that of one item a cluster. With no one or no zero at all, the end is the exact
  binomial one (Clopper and Pearson 1934) with each cluster one trial.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from t2i_audit.results.interval import Interval, undefined
from t2i_audit.stats.logit import logit_interval, reach_of

FloatArray = NDArray[np.float64]

# From so few clusters that differ from the others, no spread between clusters can be estimated.
FEWEST = 3


def clustered_share(values: ArrayLike, clusters: ArrayLike, *, level: float = 0.95) -> Interval:
    """The mean of `values`, each 0 or 1, ``(n,)``, with an interval over `clusters`, ``(n,)``.

    Returns:
        NaN throughout for no values. NaN ends for a single cluster with both ones and zeros: it
        cannot say how much clusters differ.
    """
    data = np.asarray(values, dtype=np.float64)
    if data.size == 0:
        return undefined()
    _, owner = np.unique(np.asarray(clusters), return_inverse=True)
    sizes = np.bincount(owner).astype(np.float64)
    ones = np.bincount(owner, data).astype(np.float64)
    return share_of_totals(ones, sizes, level=level)


def share_of_totals(ones: FloatArray, sizes: FloatArray, *, level: float = 0.95) -> Interval:
    """The same from each cluster's ones and items, both ``(c,)``."""
    count, n = len(sizes), int(sizes.sum())
    share = float(ones.sum() / n)
    if share in (0.0, 1.0):
        return all_alike(share, n=n, trials=count, level=level)
    if count < 2:
        return Interval(share, math.nan, math.nan, n)
    return logit_interval(share, reach_over_clusters(ones, sizes, level=level), n=n)


def reach_over_clusters(ones: FloatArray, sizes: FloatArray, *, level: float = 0.95) -> float:
    """Half the width of the interval before it is put on the logit scale, of two clusters or more;
    arguments as `share_of_totals` takes them."""
    count, n = len(sizes), float(sizes.sum())
    share = float(ones.sum()) / n
    residuals = (ones - share * sizes) / n
    variance = count / (count - 1) * float(residuals @ residuals)
    few = min((ones > 0).sum(), (ones < sizes).sum()) < FEWEST
    least = share * (1 - share) / (count if few else n)
    return max(reach_of(variance, count - 1, level=level), reach_of(least, math.inf, level=level))


def clustered_mean(values: ArrayLike, clusters: ArrayLike, *, level: float = 0.95) -> Interval:
    """The mean of `values` from 0 to 1, such as probabilities, ``(n,)``, over `clusters`.

    Args:
        values: NaN ones are left out and not counted.
        clusters: cluster of each value, ``(n,)``.
        level: coverage of the interval.

    Returns:
        NaN ends where there are fewer than two clusters, or the clusters do not differ at all.
    """
    data = np.asarray(values, dtype=np.float64)
    kept = ~np.isnan(data)
    n = int(kept.sum())
    if n == 0:
        return undefined()
    _, owner = np.unique(np.asarray(clusters)[kept], return_inverse=True)
    mean = float(data[kept].mean())
    sums = np.bincount(owner, (data[kept] - mean) / n)
    count = len(sums)
    inside = mean * (1 - mean)
    variance = count / max(count - 1, 1) * float(sums @ sums)
    # Probabilities that are all but 1 have a mean of exactly 1 and a spread of rounding.
    if count < 2 or not inside > 0 or not variance > 1e-12 * inside:
        return Interval(mean, math.nan, math.nan, n)
    return logit_interval(mean, reach_of(variance, count - 1, level=level), n=n)


def all_alike(share: float, *, n: int, trials: float, level: float = 0.95) -> Interval:
    """The exact binomial interval of a share that is 0 or 1 in `trials` trials, `n` items."""
    reach = ((1 - level) / 2) ** (1 / trials)
    return Interval(0.0, 0.0, 1 - reach, n) if share == 0 else Interval(1.0, reach, 1.0, n)


def difference(first: Interval, second: Interval, *, correlation: float = 0.0) -> Interval:
    """`first` less `second`, two shares, from their own intervals.

    The distance from an estimate to its end stands for its standard error on that side (Zou and
    Donner 2008, Statistics in Medicine 27, p. 1693; the "square and add" of Newcombe 1998), so the
    interval keeps its width where both shares are 0 or 1.

    Args:
        first, second: the shares; `n` of the difference counts the items of both.
        correlation: of the two estimates.
    """
    estimate = first.estimate - second.estimate

    def reach(up: float, down: float) -> float:
        square = up**2 + down**2 - 2 * correlation * up * down
        return math.sqrt(square)

    below = reach(first.estimate - first.lower, second.upper - second.estimate)
    above = reach(first.upper - first.estimate, second.estimate - second.lower)
    return Interval(estimate, estimate - below, estimate + above, first.n + second.n)
