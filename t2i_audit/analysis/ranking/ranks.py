"""Intervals for ranks, from which of all pairs of runs are told apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from t2i_audit.analysis.ranking.max_t import RESAMPLES, Differences, all_differences
from t2i_audit.analysis.ranking.shared import SharedVerdicts, shared_verdicts
from t2i_audit.results.interval import Interval
from t2i_audit.results.leaderboard import LEVEL, Rank, RunPair
from t2i_audit.results.outcomes import Outcomes

SEED = 0
# A single composition does not say how much compositions differ.
FEWEST_COMPOSITIONS = 2


@dataclass(frozen=True)
class Ranking:
    """The ranks of the runs of one group."""

    sentence: str
    """What they rest on and how they are corrected, or why there are none."""
    ranks: Mapping[str, Rank] = field(default_factory=dict)
    """By run; empty where there are none."""
    pairs: tuple[RunPair, ...] = ()
    """Best run first; empty where they were not asked for."""


def rank_runs(
    outcomes: Mapping[str, Outcomes], *, group: int, with_pairs: bool = False, seed: int = SEED
) -> Ranking:
    """Rank runs by success over the prompts that all of them judged.

    Args:
        outcomes: of each run, by its name; of runs that are the same audit, only one.
        group: the number of their group, for the pairs.
        with_pairs: whether to list every pair.
        seed: of the resamples.
    """
    names = sorted(outcomes)  # so that the order of runs does not matter
    if len(names) < 2:
        return Ranking("")
    shared = shared_verdicts([outcomes[name] for name in names])
    if shared.n_compositions < FEWEST_COMPOSITIONS:
        return Ranking(
            "There are no ranks: that needs prompts of two compositions at least that every run "
            f"judged, and there are {shared.n_compositions}."
        )
    right, judged = shared.by_composition()
    found = all_differences(right, judged, rng=np.random.default_rng(seed), level=LEVEL)
    return Ranking(
        _sentence(shared, len(names)),
        dict(zip(names, ranks_of(found), strict=True)),
        _pairs(names, found, shared, group) if with_pairs else (),
    )


def ranks_of(found: Differences) -> tuple[Rank, ...]:
    """The interval of each run's rank; all hold together with a probability of `LEVEL`.

    A run's best rank follows from how many are surely better, and its worst from how many are
    surely worse (Mogstad, Romano, Shaikh and Wilhelm 2024, section 3.2).
    """
    better = found.adjusted <= 1 - LEVEL
    k = len(better)
    return tuple(
        Rank(best=1 + int(above), worst=k - int(below), of=k)
        for above, below in zip(better.sum(axis=0), better.sum(axis=1), strict=True)
    )


def _pairs(
    names: Sequence[str], found: Differences, shared: SharedVerdicts, group: int
) -> tuple[RunPair, ...]:
    rates = shared.right / shared.judged
    success = shared.right.sum(axis=1) / shared.judged.sum(axis=1)
    order = np.argsort(-success, kind="stable")
    n = rates.shape[1]
    pairs = []
    for place, one in enumerate(order):
        for other in order[place + 1 :]:
            difference = float(found.difference[one, other])
            reach = found.reach * float(found.error[one, other])
            better = int((rates[one] > rates[other]).sum())
            worse = int((rates[one] < rates[other]).sum())
            pairs.append(
                RunPair(
                    group=group,
                    run=names[one],
                    other=names[other],
                    difference=Interval(
                        difference, max(difference - reach, -1.0), min(difference + reach, 1.0), n
                    ),
                    p_value=float(found.p_value[one, other]),
                    adjusted_p_value=float(found.adjusted[one, other]),
                    better=better,
                    worse=worse,
                    same=n - better - worse,
                )
            )
    return tuple(pairs)


def _sentence(shared: SharedVerdicts, runs: int) -> str:
    pairs = runs * (runs - 1) // 2
    n = shared.right.shape[1]
    fewer = (
        f"; {shared.left_out} prompts that not every run judged are left out"
        if shared.left_out
        else ""
    )
    return (
        f"Ranks are by success on {n} shared prompts in {shared.n_compositions} compositions, and "
        f"all {runs} intervals hold together in 95 of 100 cases (largest studentised difference of "
        f"{pairs} pair{'' if pairs == 1 else 's'}, by step-down, from a paired bootstrap of "
        f"{RESAMPLES} resamples over compositions){fewer}."
    )
