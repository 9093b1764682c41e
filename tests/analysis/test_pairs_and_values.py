"""Associations of prompts that share pairs and values."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import roc_auc_score

from prompts.structure import Prompt
from prompts.suite import load_suite
from prompts.world import Content, write
from t2i_audit.analysis.association import associate
from t2i_audit.analysis.pair_test import pair_test
from t2i_audit.analysis.permutation import permutation_p
from t2i_audit.analysis.ranks import levels_of
from t2i_audit.analysis.shared_content import SharedContent, covariation_variance
from t2i_audit.results.association import Association
from t2i_audit.results.interval import Interval, undefined
from t2i_audit.results.success import Repeatability

REPEATS = Repeatability(Interval(0.4, 0.3, 0.5, 480), undefined(), "")


@cache
def suite() -> tuple[Prompt, ...]:
    return tuple(load_suite("world-relations").prompts)


def colours(prompt: Prompt) -> set[str]:
    return {part.value for part in prompt.constituents if part.kind == "colour"}


def draw(logits: np.ndarray, rng: np.random.Generator, seeds: int = 2) -> np.ndarray:
    rates = 1 / (1 + np.exp(-logits))
    return (rng.random((len(logits), seeds)) < rates[:, None]).astype(float)


def relate(decodability: np.ndarray, success: np.ndarray, **more: Any) -> Association:
    prompts = suite()
    return associate(
        decodability,
        success,
        [prompt.composition for prompt in prompts],
        types=[prompt.type for prompt in prompts],
        repeatability=REPEATS,
        prompts=prompts,
        rng=np.random.default_rng(0),
        **{"permutations": 199, **more},
    )


def rejections(spread: float, draws: int, *, types: bool = False) -> tuple[float, float]:
    """How often each test rejects where pairs have effects on both, unrelated to each other."""
    prompts, rng = suite(), np.random.default_rng(3)
    content = SharedContent.of(prompts)
    shown = content.pairs.toarray()
    n, pairs = shown.shape
    permuted, over_pairs = [], []
    for _ in range(draws):
        of_type = rng.choice(3, n, p=[0.8, 0.15, 0.05]) if types else np.zeros(n, dtype=int)
        labels = of_type.astype(str)
        decodability = of_type + shown @ rng.normal(0, spread, pairs) + rng.normal(0, 1, n)
        logits = of_type - 0.5 + shown @ rng.normal(0, spread, pairs) + rng.normal(0, 1, n)
        right = draw(logits, rng).sum(axis=1)
        counts = 2 - right, right
        over_pairs.append(pair_test(decodability, *counts, labels, content).p_value)
        permuted.append(pair_test(decodability, *counts, labels, None).p_value)
    return float(np.mean(np.less(permuted, 0.05))), float(np.mean(np.less(over_pairs, 0.05)))


@pytest.mark.parametrize(("spread", "types"), [(0.0, False), (1.0, False), (0.5, True)])
def test_pairs_with_effects_of_their_own_are_not_taken_for_an_association(
    spread: float, types: bool
) -> None:
    independent, over_pairs = rejections(spread, 150, types=types)

    # 150 draws at a level of 5% lie in 2% to 9.5% with a probability of 97%.
    assert over_pairs <= 0.095
    if spread == 1.0:
        assert independent >= 0.2


def test_an_association_of_single_prompts_is_found_as_often_as_without_pairs() -> None:
    prompts, rng = suite(), np.random.default_rng(4)
    content, labels = SharedContent.of(prompts), ["t"] * len(prompts)
    found = []
    for _ in range(40):
        decodability = rng.normal(size=len(prompts))
        right = draw(0.35 * decodability + rng.normal(size=len(prompts)), rng).sum(axis=1)
        p_value = pair_test(decodability, 2 - right, right, labels, content).p_value
        found.append(p_value <= 0.05)

    assert np.mean(found) >= 0.85


def test_the_smallest_detectable_auroc_is_found_in_four_of_five_runs() -> None:
    prompts, rng = suite(), np.random.default_rng(5)
    content, labels = SharedContent.of(prompts), ["t"] * len(prompts)
    areas, smallest, found = [], [], []
    for _ in range(80):
        decodability = rng.normal(size=len(prompts))
        right = draw(0.19 * decodability, rng).sum(axis=1)
        test = pair_test(decodability, 2 - right, right, labels, content)
        images = np.repeat(decodability, 2)
        wrong = np.concatenate([[1] * int(2 - r) + [0] * int(r) for r in right])
        areas.append(roc_auc_score(wrong, -images))
        smallest.append(test.smallest_detectable)
        found.append(test.p_value <= 0.05)

    # The true AUROC is close to what is said to be detectable; then about 80% are found.
    assert np.mean(areas) == pytest.approx(np.mean(smallest), abs=0.012)
    assert 0.7 <= np.mean(found) <= 0.97


def test_without_shared_pairs_the_test_agrees_with_the_permutation() -> None:
    rng = np.random.default_rng(6)
    decodability = rng.normal(size=80)
    right = draw(0.4 * decodability, rng).sum(axis=1)
    labels = np.array(["t"] * 80)
    exact = permutation_p(
        levels_of(decodability),
        2 - right,
        right,
        np.arange(80),
        labels,
        rng=rng,
        permutations=4000,
    )

    assert pair_test(decodability, 2 - right, right, labels, None).p_value == pytest.approx(
        exact, abs=0.02
    )


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.integers(20, 60))
def test_only_the_order_of_decodability_counts_and_not_that_of_prompts(seed: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    prompts = [suite()[row] for row in rng.choice(480, n, replace=False)]
    decodability, right = rng.uniform(size=n).round(1), rng.integers(0, 3, n)
    types = rng.choice(["a", "b"], n)

    def p_value(values: np.ndarray, order: np.ndarray) -> float:
        content = SharedContent.of([prompts[row] for row in order])
        counts = 2 - right[order], right[order]
        return pair_test(values[order], *counts, types[order], content).p_value

    plain = p_value(decodability, np.arange(n))
    for again in (
        p_value(decodability, rng.permutation(n)),
        p_value(np.exp(3 * decodability), np.arange(n)),
        p_value(-decodability, np.arange(n)),
    ):
        assert again == pytest.approx(plain, nan_ok=True)


def test_the_test_of_one_image_a_prompt_is_that_of_mann_and_whitney() -> None:
    rng = np.random.default_rng(7)
    decodability = rng.normal(size=200)
    right = draw(0.3 * decodability, rng, seeds=1).sum(axis=1)
    reference = stats.mannwhitneyu(
        decodability[right == 1], decodability[right == 0], use_continuity=False
    )

    found = pair_test(decodability, 1 - right, right, ["t"] * 200, None)

    # The normal distribution there, Student's t here.
    assert found.p_value == pytest.approx(reference.pvalue, rel=0.03)


def test_the_variance_of_unrelated_sums_is_the_one_seen_over_many_draws() -> None:
    prompts, rng = suite(), np.random.default_rng(8)
    content = SharedContent.of(prompts)
    shown = content.pairs.toarray()
    n, pairs = shown.shape
    sums, variances = [], []
    for _ in range(300):
        x, y = (shown @ rng.normal(0, 1, pairs) + rng.normal(0, 1, n) for _ in range(2))
        x, y = x - x.mean(), y - y.mean()
        sums.append(x @ y)
        variances.append(covariation_variance(x, y, ["t"] * n, content)[0])

    assert np.mean(variances) == pytest.approx(np.var(sums), rel=0.25)
    # As if prompts were independent it is less than a half of that.
    assert 2 * np.mean([n * 3 * 3]) < np.var(sums)


def test_an_association_of_two_planted_colours_is_said_to_rest_on_them() -> None:
    prompts, rng = suite(), np.random.default_rng(9)
    planted = np.array([bool(colours(prompt) & {"green", "purple"}) for prompt in prompts])
    decodability = -1.5 * planted + rng.normal(size=len(prompts))
    result = relate(decodability, draw(1.5 - 2 * planted, rng))

    assert result.verdict == "predicts"
    assert result.rests_on is not None
    assert set(result.rests_on.values) == {"green", "purple"}
    assert result.rests_on.without.upper < result.auroc.lower
    assert "It rests on 2 of 6 values of colour" in result.sentence
    # Two of six agree by chance in 1 of 15, and which of them is the lower adds a factor.
    assert 0.01 < result.rests_on.p_value < 0.2


def test_an_association_of_all_prompts_is_said_to_rest_on_all_values() -> None:
    rng = np.random.default_rng(10)
    decodability = rng.normal(size=len(suite()))
    result = relate(decodability, draw(decodability, rng))

    assert (result.verdict, result.rests_on) == ("predicts", None)
    assert "over 36 pairs of values (6 of colour, 4 of relation and 6 of shape)" in result.sentence
    assert "also among prompts that name the same values" in result.sentence
    assert (result.n_pairs, result.n_values) == (36, {"colour": 6, "relation": 4, "shape": 6})


def test_an_association_of_values_is_not_claimed_for_prompts_that_name_the_same() -> None:
    prompts, rng = suite(), np.random.default_rng(11)
    hard = dict(zip(sorted(set.union(*map(colours, prompts))), rng.normal(0, 1.5, 6), strict=True))
    ease = np.array([sum(hard[colour] for colour in colours(prompt)) for prompt in prompts])
    result = relate(ease + rng.normal(size=len(prompts)), draw(ease, rng))

    assert result.verdict == "predicts" and result.rests_on is None
    assert result.p_within_values > 0.05
    assert "rests on differences between values" in result.sentence


def test_prompts_that_agree_only_through_their_pairs_are_said_to() -> None:
    # One draw of unrelated pair effects that happen to agree.
    shown = SharedContent.of(suite()).pairs.toarray()
    n, pairs = shown.shape
    for seed in range(60):
        rng = np.random.default_rng(seed)
        decodability = shown @ rng.normal(0, 1.5, pairs) + rng.normal(0, 0.5, n)
        right = draw(shown @ rng.normal(0, 1.5, pairs), rng)
        counts = 2 - right.sum(axis=1), right.sum(axis=1)
        content = SharedContent.of(suite())
        p_value = pair_test(decodability, *counts, ["t"] * n, content).p_value
        if pair_test(decodability, *counts, ["t"] * n, None).p_value < 0.005 and p_value > 0.1:
            break
    result = relate(decodability, right)

    assert result.verdict == "few_pairs"
    assert "over pairs the association is not shown" in result.sentence


def test_prompts_are_alike_by_composition_by_place_and_by_pair() -> None:
    red, blue, green = ("red", "circle"), ("blue", "star"), ("green", "cross")
    prompts = [
        write(Content((red, blue), "above")),
        write(Content((red, blue), "below")),
        write(Content((green, red), "above")),
        write(Content((green, blue), "above")),
    ]
    ((_, (same, placed, elsewhere)),) = SharedContent.of([*prompts, prompts[0]]).alike()

    assert np.argwhere(np.triu(same)).tolist() == [[0, 4]]
    # Blue stars come second in four of them; the third and the fourth share the green cross.
    assert np.argwhere(np.triu(placed)).tolist() == [[0, 1], [0, 3], [1, 3], [1, 4], [2, 3], [3, 4]]
    assert np.argwhere(np.triu(elsewhere)).tolist() == [[0, 2], [1, 2], [2, 4]]
