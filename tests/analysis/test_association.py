"""Association of decodability with failure over prompts."""

from __future__ import annotations

import time

import numpy as np
import pytest

from t2i_audit.analysis.association import associate, mean_decodability, weakest_slot
from t2i_audit.analysis.repeatability import repeatability
from t2i_audit.results import Association


def relate(
    decodability: np.ndarray,
    success: np.ndarray,
    *,
    types: list[str] | None = None,
    clusters: np.ndarray | None = None,
    presence: np.ndarray | None = None,
    seed: int = 0,
    resamples: int = 300,
) -> Association:
    n = len(success)
    types = types or ["t"] * n
    clusters = np.arange(n) if clusters is None else clusters
    rng = np.random.default_rng(seed)
    ceiling = repeatability(success, clusters, types=types)
    return associate(
        decodability,
        success,
        clusters,
        types=types,
        repeatability=ceiling,
        presence=presence,
        rng=rng,
        resamples=resamples,
        permutations=300,
    )


def draw(rate: np.ndarray, rng: np.random.Generator, seeds: int = 4) -> np.ndarray:
    return (rng.random((len(rate), seeds)) < rate[:, None]).astype(float)


def test_failures_that_follow_decodability_are_found() -> None:
    rng = np.random.default_rng(1)
    decodability = rng.uniform(0.3, 1.0, 300)
    result = relate(decodability, draw(decodability, rng))

    assert result.verdict == "predicts"
    assert result.auroc.lower > 0.6
    assert result.spearman.upper < 0
    assert result.p_value < 0.01


def test_repeatable_failures_unrelated_to_decodability_are_no_association() -> None:
    rng = np.random.default_rng(2)
    result = relate(rng.uniform(size=300), draw(rng.choice([0.1, 0.9], 300), rng))

    assert result.verdict == "no_association"
    assert result.auroc.lower < 0.5 < result.auroc.upper
    assert result.p_value > 0.05
    assert "though failures repeat" in result.sentence


def test_failures_that_do_not_repeat_are_called_chance() -> None:
    rng = np.random.default_rng(3)
    result = relate(rng.uniform(size=300), draw(np.full(300, 0.6), rng))

    assert result.verdict == "chance"
    assert "this does not say that decodability does not matter" in result.sentence


def test_failures_that_rise_with_decodability_are_reversed() -> None:
    rng = np.random.default_rng(4)
    decodability = rng.uniform(size=300)
    result = relate(decodability, draw(1 - decodability, rng))

    assert result.verdict == "reversed"
    assert result.auroc.upper < 0.5


def test_a_difference_between_types_alone_is_said_to_be_no_more() -> None:
    rng = np.random.default_rng(5)
    easy = np.arange(400) < 200
    decodability = np.where(easy, 0.9, 0.4) + rng.uniform(-0.1, 0.1, 400)
    success = draw(np.where(easy, 0.9, 0.3), rng)
    result = relate(decodability, success, types=["a" if one else "b" for one in easy])

    assert result.verdict == "between_types"
    assert result.auroc.lower > 0.5
    assert result.p_value > 0.05


def test_a_predictor_that_a_bag_of_words_matches_is_said_to_gain_nothing() -> None:
    rng = np.random.default_rng(6)
    decodability = rng.uniform(0.2, 1.0, 300)
    result = relate(decodability, draw(decodability, rng), presence=decodability.copy())

    assert result.gain_over_presence.estimate == 0
    assert "a bag of words predicts failure no worse" in result.sentence


def test_a_gain_over_the_bag_of_words_is_found() -> None:
    rng = np.random.default_rng(7)
    decodability = rng.uniform(0.1, 1.0, 300)
    result = relate(decodability, draw(decodability, rng), presence=rng.uniform(size=300))

    assert result.gain_over_presence.lower > 0
    assert result.presence_auroc.lower < 0.5 < result.presence_auroc.upper
    assert "bag of words" not in result.sentence


def test_one_seed_leaves_chance_and_no_association_apart_unknown() -> None:
    rng = np.random.default_rng(8)
    result = relate(rng.uniform(size=200), draw(np.full(200, 0.5), rng, seeds=1))

    assert result.verdict == "no_association"
    assert "whether failures repeat over seeds is unknown" in result.sentence


@pytest.mark.parametrize(
    ("success", "reason"),
    [
        (np.ones((5, 2)), "no image is wrong"),
        (np.zeros((5, 2)), "every image is wrong"),
        (np.full((5, 2), np.nan), "no prompt has both"),
    ],
)
def test_without_variation_in_failures_every_figure_is_undefined(
    success: np.ndarray, reason: str
) -> None:
    result = relate(np.linspace(0, 1, 5), success)

    assert np.isnan([result.auroc.estimate, result.spearman.estimate, result.p_value]).all()
    assert result.verdict == "undefined"
    assert reason in result.sentence


def test_constant_decodability_is_undefined() -> None:
    result = relate(np.full(4, 0.7), np.array([[0.0, 1.0]] * 4))

    assert "decodability is the same for every prompt" in result.sentence


def test_prompts_that_were_not_read_or_not_judged_are_left_out() -> None:
    rng = np.random.default_rng(9)
    decodability = rng.uniform(size=60)
    success = draw(decodability, rng)
    decodability[:10] = np.nan
    success[50:] = np.nan
    result = relate(decodability, success)

    assert (result.auroc.n, result.n_images) == (40, 160)


def test_the_permutation_p_value_is_uniform_when_prompts_share_compositions() -> None:
    # Four wordings of each composition share decodability and failure rate, which are unrelated:
    # permuting single prompts would reject far too often.
    p_values = []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        clusters = np.repeat(np.arange(30), 4)
        decodability = rng.uniform(size=30)[clusters]
        success = draw(rng.choice([0.1, 0.9], 30)[clusters], rng)
        result = relate(decodability, success, clusters=clusters, seed=seed, resamples=10)
        p_values.append(result.p_value)

    assert np.mean(np.array(p_values) <= 0.05) <= 0.15
    assert 0.35 <= np.mean(p_values) <= 0.65


def test_the_same_seed_gives_the_same_result() -> None:
    rng = np.random.default_rng(10)
    decodability = rng.uniform(size=100)
    success = draw(decodability, rng)

    assert relate(decodability, success) == relate(decodability, success)


def test_a_thousand_prompts_take_seconds() -> None:
    rng = np.random.default_rng(11)
    decodability = rng.uniform(size=1000)
    success = draw(decodability, rng)
    clusters, types = np.arange(1000) // 2, ["a", "b"] * 500
    started = time.process_time()
    ceiling = repeatability(success, clusters, types=types)
    associate(
        decodability,
        success,
        clusters,
        types=types,
        repeatability=ceiling,
        presence=decodability**2,
        rng=rng,
    )

    assert time.process_time() - started < 5


def test_the_weakest_slot_is_the_least_probability_that_was_read() -> None:
    decodability = weakest_slot(
        {"object_1.colour": [0.9, 0.4, np.nan], "relation": [0.6, np.nan, np.nan]}
    )

    np.testing.assert_allclose(decodability, [0.6, 0.4, np.nan])


def test_mean_decodability_leaves_out_prompts_that_were_not_read() -> None:
    interval = mean_decodability([0.2, 0.6, np.nan], ["a", "b", "c"])

    assert interval.estimate == pytest.approx(0.4)
    assert interval.n == 2


def test_arrays_of_different_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match="agree on the number of prompts; got 3, 2, 2, 2"):
        relate(np.zeros(3), np.zeros((2, 2)))
