"""Two runs of the same prompts, on plain arrays."""

from __future__ import annotations

import math

import numpy as np
import pytest
from statsmodels.stats.contingency_tables import mcnemar

from t2i_audit.analysis.paired import (
    PairedImages,
    flips_of,
    noise_expected,
    noise_found,
    paired_mean,
    paired_rate,
    seen_differences,
    sentence_of,
    with_holm,
)
from t2i_audit.results.comparison import SmallestDifference

RNG = np.random.default_rng(4)


def images(n: int, seeds: int, base: float, candidate: float) -> PairedImages:
    first, second = ((RNG.random((n, seeds)) < rate).astype(float) for rate in (base, candidate))
    return PairedImages(first, second, np.arange(n).astype(str))


def prompts_of(*seen: SmallestDifference) -> list[int]:
    return [each.prompts for each in seen if each.prompts is not None]


def test_flips_of_one_seed_are_tested_as_mcnemar_does() -> None:
    pair = images(80, 1, 0.5, 0.7)
    found = flips_of(pair)
    one, other = pair.base[:, 0] == 1, pair.candidate[:, 0] == 1
    table = [
        [(one & other).sum(), (one & ~other).sum()],
        [(~one & other).sum(), (~one & ~other).sum()],
    ]

    assert (found.better, found.worse) == (table[1][0], table[0][1])
    assert found.better + found.worse + found.same == 80
    assert found.p_value == pytest.approx(mcnemar(table, exact=True).pvalue)


def test_a_prompt_flips_by_the_number_of_its_right_images_among_those_both_judged() -> None:
    # Of the last prompt no image has two verdicts, so it is none of the three.
    base = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, np.nan], [np.nan, 1.0]])
    candidate = np.array([[1.0, 1.0], [1.0, 0.0], [0.0, 1.0], [1.0, np.nan]])
    found = flips_of(PairedImages(base, candidate, np.array(list("abcd"))))

    assert (found.better, found.worse, found.same) == (1, 1, 1)


def test_a_figure_that_is_the_same_in_both_runs_has_no_interval() -> None:
    values = RNG.random(20)
    found = paired_mean(values, values, np.arange(20))

    assert found.difference.estimate == 0 and math.isnan(found.difference.lower)


def test_the_difference_of_means_is_that_of_a_paired_t_test() -> None:
    from scipy import stats

    first, second = RNG.random(30) * 0.5, RNG.random(30)
    found = paired_mean(first, second, np.arange(30))
    reference = stats.ttest_rel(second, first)
    ends = reference.confidence_interval()

    assert found.p_value == pytest.approx(reference.pvalue)
    assert (found.difference.lower, found.difference.upper) == pytest.approx((ends.low, ends.high))


def test_only_parts_that_survive_the_correction_are_named() -> None:
    overall = paired_rate(images(60, 2, 0.5, 0.5))
    worse = paired_rate(images(60, 2, 0.9, 0.3))
    same = paired_rate(images(60, 2, 0.5, 0.5))
    parts = with_holm({"relation": worse, "colour": same})
    sentence = sentence_of(overall, {"slot": parts})

    assert "worse in relation" in sentence and "colour" not in sentence
    assert parts["relation"].p_holm == pytest.approx(2 * worse.p_value)


def test_more_prompts_or_seeds_see_smaller_differences_and_some_no_seeds_do() -> None:
    # Every prompt is always right or always wrong in either run: seeds add nothing.
    fixed = PairedImages(
        np.repeat(RNG.random((100, 1)) < 0.5, 3, axis=1).astype(float),
        np.repeat(RNG.random((100, 1)) < 0.5, 3, axis=1).astype(float),
        np.arange(100).astype(str),
    )
    one, two, five = seen_differences(noise_found(fixed))

    assert one.power < two.power < five.power
    assert sorted(prompts_of(one, two, five)) == prompts_of(five, two, one)
    assert min(prompts_of(five)) > 100
    assert one.seeds is None and two.seeds is None
    noisy = images(100, 3, 0.5, 0.5)
    assert seen_differences(noise_found(noisy))[2].seeds is not None


def test_one_seed_cannot_say_what_more_seeds_would_show() -> None:
    assert all(
        each.seeds is None for each in seen_differences(noise_found(images(50, 1, 0.5, 0.5)))
    )


def test_a_plan_of_models_that_share_more_needs_fewer_prompts() -> None:
    rates = RNG.choice([0.1, 0.9], size=(200, 1))
    own = (RNG.random((200, 4)) < rates).astype(float)
    pair = PairedImages(own, own, np.arange(200).astype(str))
    needed = prompts_of(
        *(seen_differences(noise_expected(pair, correlation=each))[2] for each in (0, 0.5, 1))
    )

    assert needed == sorted(needed, reverse=True) and len(set(needed)) == 3


def test_runs_without_a_change_are_not_said_to_see_everything() -> None:
    right = np.ones((100, 1))
    noise = noise_found(PairedImages(right, right, np.arange(100).astype(str)))

    # One more change each way, of 102 images: the variance of a mean of -1, 0 and 1.
    assert noise.variance == pytest.approx(2 / 102 / 102)
    assert seen_differences(noise)[0].power < 0.5
