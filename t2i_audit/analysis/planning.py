"""What a suite can show: half-widths and powers from its structure, before anything is run.

Two images of one composition are both right or both wrong more often than chance has it; their
correlation is the repeatability `r`. Pairs of values (a green circle) differ in how hard they are,
by a standard deviation `s` in log odds. With `V = p (1 - p)` the variance of a mean is

- for these same pairs: ``V / N * (1 + (sum m_c^2 / N - 1) r)``, `m_c` images of composition `c`
  and `N` of all (the design effect of Kish 1965, Survey Sampling, section 8.2);
- for pairs in general: that, and ``(s V (1 - r))^2`` times the mean number of pairs that two
  prompts of different compositions share. ``V (1 - r)`` is the slope of a prompt's rate in log
  odds, averaged over prompts.

The AUROC of a predictor that knows nothing is a linear rank statistic with weights
``w = successes / all successes - failures / all failures`` of each composition, so its variance is
``sum w^2 / 12``, which is expected to be the mean's variance over ``12 V^2``.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from prompts.structure import Prompt
from t2i_audit.results.interval import Interval
from t2i_audit.results.plan import AssociationPlan, ExpectedRate, GroupPlan
from t2i_audit.stats.logit import logit_interval, reach_of
from t2i_audit.stats.pair_shares import FEWEST_PAIRS
from t2i_audit.stats.shares import FEWEST, all_alike

FloatArray = NDArray[np.float64]

RATES = (0.5, 0.8, 0.95)
POWER = 0.8
LEVEL = 0.95


@dataclass(frozen=True, eq=False)
class Design:
    """The structure of a group of prompts, as far as figures depend on it."""

    prompts: int
    images: FloatArray
    """``(c,)`` of each composition."""
    pair_weights: FloatArray
    """``(pairs,)`` the share of the prompts that have each pair, of those that have any."""
    shared: float
    """Mean number of pairs that two prompts share, of all ordered twos, where their compositions
    differ."""
    shared_squares: float
    """Mean over the same of ``shared^2 / pairs of a prompt``."""

    @classmethod
    def of(cls, prompts: Sequence[Prompt], *, seeds: int) -> Design:
        """The design of `prompts` with `seeds` images each."""
        from scipy import sparse

        contents = Counter(prompt.composition for prompt in prompts)
        images = np.array(list(contents.values()), dtype=np.float64) * seeds
        paired = [prompt.pairs for prompt in prompts if prompt.pairs]
        numbers = {pair: i for i, pair in enumerate(sorted(frozenset().union(*paired)))}
        n = len(paired)
        if not n:
            return cls(len(prompts), images, np.zeros(0), 0.0, 0.0)
        rows = np.repeat(np.arange(n), [len(own) for own in paired])
        columns = [numbers[pair] for own in paired for pair in own]
        has = sparse.csr_array((np.ones(len(rows)), (rows, columns)), shape=(n, len(numbers)))
        each = np.asarray(has.sum(axis=0)).ravel()
        per_prompt = len(rows) / n
        # Prompts of one composition have the same pairs, and are counted by the repeatability.
        alike = Counter((prompt.composition, len(prompt.pairs)) for prompt in prompts)
        inside = np.array([(count**2 * m, count**2 * m**2) for (_, m), count in alike.items()])
        together = has.T @ has
        return cls(
            prompts=len(prompts),
            images=images,
            pair_weights=each / n,
            shared=float(each @ each - inside[:, 0].sum()) / n**2,
            shared_squares=float(together.multiply(together).sum() - inside[:, 1].sum())
            / n**2
            / per_prompt,
        )

    @property
    def even_pairs(self) -> float:
        """How many pairs of equal weight would count as much as these."""
        total = self.pair_weights.sum()
        return float(total**2 / (self.pair_weights @ self.pair_weights)) if total else 0.0

    def variance(self, rate: float, *, repeatability: float) -> float:
        """Of a mean rate, for these same pairs."""
        n = self.images.sum()
        effect = 1 + (self.images @ self.images / n - 1) * repeatability
        return rate * (1 - rate) / n * float(effect)

    def variance_of_pairs(self, rate: float, *, repeatability: float, spread: float) -> float:
        """What is added for pairs in general."""
        return (spread * rate * (1 - rate) * (1 - repeatability)) ** 2 * self.shared

    def rarer(self, rate: float, *, repeatability: float) -> float:
        """How many compositions are expected to have an image of the rarer outcome.

        The images of a composition are taken as beta-binomial: of each that is of the other
        outcome, the next is more likely to be so too.
        """
        rare = min(rate, 1 - rate)
        before = np.arange(1, int(self.images.max()))
        alone = 1 - repeatability
        again = ((1 - rare) * alone + before * repeatability) / (alone + before * repeatability)
        none = (1 - rare) * np.cumprod([1.0, *again])
        return float((1 - none[self.images.astype(int) - 1]).sum())


def group_plan(
    prompts: Sequence[Prompt], *, seeds: int, repeatability: float, spread: float
) -> GroupPlan:
    """What is to be expected of the success of `prompts` at each of `RATES`.

    Args:
        prompts: of the group; at least one.
        seeds: images per prompt.
        repeatability: correlation between two images of one composition, from 0 to 1.
        spread: standard deviation between pairs, in log odds.
    """
    design = Design.of(prompts, seeds=seeds)
    rates = []
    for rate in RATES:
        same = design.variance(rate, repeatability=repeatability)
        more = design.variance_of_pairs(rate, repeatability=repeatability, spread=spread)
        width = _half_width(_interval(design, rate, same, repeatability=repeatability))
        general = _interval_in_general(design, rate, same + more)
        rates.append(
            ExpectedRate(
                rate,
                width,
                # No wider claim is surer, however few the compositions.
                math.nan if general is None else max(width, _half_width(general)),
                _smallest_drop(rate, same),
            )
        )
    return GroupPlan(len(prompts), len(design.images), len(design.pair_weights), tuple(rates))


def association_plan(
    prompts: Sequence[Prompt], *, seeds: int, repeatability: float, spread: float
) -> tuple[AssociationPlan, ...]:
    """The smallest AUROC of decodability for failure that is found with `POWER` at each rate.

    Args:
        prompts, seeds, repeatability, spread: as `group_plan` takes them.

    Returns:
        Nothing for no prompts.
    """
    if not prompts:
        return ()
    design = Design.of(prompts, seeds=seeds)
    plans = []
    for rate in RATES:
        inside = rate * (1 - rate)
        variance = design.variance(rate, repeatability=repeatability) / (12 * inside**2)
        # Where decodability too is a matter of pairs, prompts that share one share both.
        slope = spread * (1 - repeatability)
        general = variance + slope**2 * design.shared_squares / 12
        rarer = design.rarer(rate, repeatability=repeatability)
        areas = [_smallest_auroc(variance, rarer), _smallest_auroc(general, rarer)]
        if rarer < FEWEST:
            areas = [math.nan, math.nan]
        elif design.even_pairs < FEWEST_PAIRS:
            areas[1] = math.nan
        plans.append(AssociationPlan(rate, *areas))
    return tuple(plans)


def _interval(design: Design, rate: float, variance: float, *, repeatability: float) -> Interval:
    """As `t2i_audit.stats.shares` gives it, for a share that comes out at `rate`."""
    count, n = len(design.images), int(design.images.sum())
    rarer = design.rarer(rate, repeatability=repeatability)
    if rarer < 1 or count < 2:
        return all_alike(1.0, n=n, trials=count)
    if rarer < FEWEST:
        variance = max(variance, rate * (1 - rate) / count)
    return logit_interval(rate, reach_of(variance, count - 1, level=LEVEL), n=n)


def _interval_in_general(design: Design, rate: float, variance: float) -> Interval | None:
    """As `t2i_audit.stats.pair_shares` gives it; None where it refuses."""
    if design.even_pairs < FEWEST_PAIRS:
        return None
    squares = design.pair_weights**2
    degrees = float(squares.sum() ** 2 / (squares @ squares)) - 1
    reach = reach_of(variance, degrees, level=LEVEL)
    return logit_interval(rate, reach, n=int(design.images.sum()))


def _half_width(interval: Interval) -> float:
    return (interval.upper - interval.lower) / 2


def _smallest_drop(rate: float, variance: float) -> float:
    """By Cohen's h of two independent samples with as much variance as the design's."""
    from statsmodels.stats.power import NormalIndPower

    trials = rate * (1 - rate) / variance
    effect = float(NormalIndPower().solve_power(nobs1=trials, alpha=1 - LEVEL, power=POWER))
    angle = math.asin(math.sqrt(rate)) - effect / 2
    return rate - math.sin(angle) ** 2 if angle >= 0 else math.nan


def _smallest_auroc(variance: float, units: float) -> float:
    """By a t-test of so many `units`."""
    from statsmodels.stats.power import TTestPower

    units = max(units, 2.0)
    effect = float(TTestPower().solve_power(nobs=units, alpha=1 - LEVEL, power=POWER))
    area = 0.5 + effect * math.sqrt(units * variance)
    return area if area < 1 else math.nan
