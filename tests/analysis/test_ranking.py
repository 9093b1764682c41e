"""Ranks with intervals that hold together."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from t2i_audit.analysis.ranking import all_differences, rank_runs
from t2i_audit.analysis.ranking.ranks import ranks_of
from t2i_audit.results.outcomes import BoardPrompts, Outcomes

FloatArray = NDArray[np.float64]


def outcomes(right: FloatArray, *, ids: range | None = None, seeds: int = 1) -> Outcomes:
    names = tuple(map(str, ids or range(len(right))))
    prompts = BoardPrompts(names, names, names, {})
    return Outcomes(prompts, right, np.full(len(right), float(seeds)), {})


def drawn(
    rates: list[float], compositions: int, rng: np.random.Generator, seeds: int = 2
) -> tuple[FloatArray, FloatArray]:
    """Runs that find the same compositions hard."""
    logits = np.log(np.array(rates) / (1 - np.array(rates)))
    hard = rng.normal(0, 1.5, compositions)
    chance = 1 / (1 + np.exp(-(logits[:, None] + hard)))
    return rng.binomial(seeds, chance).astype(float), np.full(chance.shape, float(seeds))


@pytest.mark.parametrize(
    ("rates", "compositions"),
    [([0.5] * 2, 30), ([0.5] * 6, 40), (list(np.linspace(0.2, 0.8, 8)), 120)],
)
def test_all_rank_intervals_hold_together_in_95_of_100_cases(
    rates: list[float], compositions: int
) -> None:
    rng = np.random.default_rng(1)
    k, draws = len(rates), 150
    best = [1 + sum(other > own for other in rates) for own in rates]
    worst = [k - sum(other < own for other in rates) for own in rates]
    held = 0
    for _ in range(draws):
        found = all_differences(*drawn(rates, compositions, rng), rng=rng, resamples=400)
        ranks = ranks_of(found)
        held += all(
            rank.best <= low and rank.worst >= high
            for rank, low, high in zip(ranks, best, worst, strict=True)
        )

    # So few would come of a true coverage of 95% in 1 of 1,000 cases.
    assert held >= stats.binom.ppf(0.001, draws, 0.95)


def test_with_one_image_a_prompt_the_test_of_a_pair_is_that_of_mcnemar() -> None:
    # One run has 9 images right that the other has wrong, and the other 2.
    one = np.array([1.0] * 9 + [0.0] * 2 + [1.0] * 30)
    other = np.array([0.0] * 9 + [1.0] * 2 + [1.0] * 30)
    right = np.stack([one, other])

    found = all_differences(
        right, np.ones_like(right), rng=np.random.default_rng(0), resamples=20_000
    )

    exact = stats.binomtest(9, 11).pvalue
    assert found.adjusted[0, 1] == pytest.approx(exact, abs=0.004)


def test_adjusted_p_values_are_those_of_testing_step_by_step() -> None:
    rng = np.random.default_rng(2)
    right, judged = drawn([0.3, 0.45, 0.6, 0.62], 80, rng)
    resamples = 500
    found = all_differences(right, judged, rng=np.random.default_rng(7), resamples=resamples)

    # The same by hand: parts of a rate, signs, and one hypothesis after another.
    parts = right / judged.sum(axis=1)[:, None]
    signs = 2.0 * np.random.default_rng(7).integers(2, size=(80, resamples)) - 1
    pairs = list(itertools.permutations(range(4), 2))
    spread = {(i, j): np.sqrt(((parts[i] - parts[j]) ** 2).sum()) for i, j in pairs}
    score = {(i, j): (parts[i] - parts[j]).sum() / spread[i, j] for i, j in pairs}
    resampled = {(i, j): (parts[i] - parts[j]) @ signs / spread[i, j] for i, j in pairs}
    left, least = sorted(pairs, key=lambda pair: -score[pair]), 0.0
    while left and score[left[0]] > 0:
        largest = np.max([resampled[pair] for pair in left], axis=0)
        reached = int((largest >= score[left[0]] - 1e-5).sum())
        least = max(least, (1 + reached) / (1 + resamples))
        assert found.adjusted[left[0]] == pytest.approx(least, abs=1e-9)
        left = left[1:]


def test_runs_with_equal_verdicts_differ_by_exactly_0_and_not_surely() -> None:
    right = np.array([1.0, 0.0] * 20)
    ranking = rank_runs({"a": outcomes(right), "b": outcomes(right)}, group=1, with_pairs=True)
    (pair,) = ranking.pairs

    assert pair.difference.estimate == 0
    assert pair.difference.lower < -0.05 and pair.difference.upper > 0.05
    assert pair.adjusted_p_value == pair.p_value == 1 and not pair.told_apart
    assert (ranking.ranks["a"].best, ranking.ranks["a"].worst) == (1, 2)


def test_a_run_that_is_always_right_beside_one_that_is_never_has_an_interval_of_some_width() -> (
    None
):
    runs = {"a": outcomes(np.ones(40)), "b": outcomes(np.zeros(40))}
    ranking = rank_runs(runs, group=1, with_pairs=True)
    (pair,) = ranking.pairs

    assert pair.difference.estimate == 1 and pair.difference.lower < 0.95
    assert (pair.better, pair.worse, pair.same) == (40, 0, 0)
    assert str(ranking.ranks["a"]) == "1" and str(ranking.ranks["b"]) == "2"


def test_the_order_of_runs_does_not_matter() -> None:
    rng = np.random.default_rng(3)
    right, _ = drawn([0.4, 0.5, 0.6], 50, rng)
    runs = {name: outcomes(own, seeds=2) for name, own in zip("abc", right, strict=True)}
    again = dict(reversed(runs.items()))

    assert rank_runs(runs, group=1, with_pairs=True) == rank_runs(again, group=1, with_pairs=True)


def test_runs_are_compared_on_the_prompts_that_all_of_them_judged() -> None:
    whole, part = outcomes(np.array([1.0] * 30 + [0.0] * 10)), np.array([1.0] * 30)
    ranking = rank_runs({"a": whole, "b": outcomes(part)}, group=1, with_pairs=True)

    assert ranking.pairs[0].difference.n == 30 and ranking.pairs[0].difference.estimate == 0
    assert "10 prompts that not every run judged are left out" in ranking.sentence


def test_runs_without_a_common_prompt_have_no_ranks() -> None:
    runs = {"a": outcomes(np.ones(5)), "b": outcomes(np.ones(5), ids=range(10, 15))}
    ranking = rank_runs(runs, group=1)

    assert not ranking.ranks and "every run judged, and there are 0" in ranking.sentence
