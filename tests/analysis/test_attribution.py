"""Attribution of wrong images to a cause."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from t2i_audit.analysis.attribution import Attribution, attribute
from t2i_audit.analysis.lost import DecodedSlot


def reading(probability: float, n: int = 1) -> DecodedSlot:
    """One slot's reading in `n` prompts, at a threshold of 0.75."""
    return DecodedSlot(np.full(n, probability), np.full(n, 0.01), 0.75)


HELD, LOST, UNREAD = 0.99, 0.4, float("nan")


def one(outcomes: list[float], probability: float, **options: DecodedSlot) -> dict[str, float]:
    """The weights of each cause in a single prompt with one slot."""
    told = attribute(
        [outcomes],
        {"relation": [True]},
        {"relation": reading(probability)},
        denoiser=options or None,
    )
    return {name: float(each[0]) for name, each in told.causes.items()}


def test_a_slot_lost_at_the_encoder_weighs_on_the_encoder() -> None:
    # One prompt is little evidence that its slot is not drawn right in spite of the probe.
    assert one([0, 0, 0], LOST)["encoder"] > 0.9 * 3


def test_a_slot_held_at_the_encoder_and_never_drawn_weighs_on_the_denoiser() -> None:
    assert one([0, 0, 0], HELD)["denoiser"] > 0.99 * 3


def test_what_was_lost_comes_before_chance() -> None:
    """Two of three guesses at a lost slot come out right, which is no chance of the denoiser."""
    outcomes = [[1, 1, 0], [1, 0, 0], [0, 0, 0], [1, 1, 0]] * 10
    told = attribute(outcomes, {"relation": [True] * 40}, {"relation": reading(LOST, 40)})

    assert set(told.cause) == {"encoder"}


def test_with_two_images_a_prompt_chance_is_not_told_from_the_denoiser() -> None:
    weights = one([0, 1], HELD)

    assert set(weights) == {"encoder", "not told from chance", "unclear"}
    assert weights["not told from chance"] > 0.99


def test_a_slot_that_was_not_read_is_unclear() -> None:
    assert one([0, 0, 0], UNREAD)["unclear"] == pytest.approx(3)


def test_a_probability_at_the_threshold_counts_half() -> None:
    told = attribute([[0, 0]] * 50, {"relation": [True] * 50}, {"relation": reading(0.75, 50)})

    assert told.causes["encoder"].sum() == pytest.approx(50, abs=0.1)


def test_a_slot_called_lost_that_is_drawn_right_blames_nobody() -> None:
    """Right in 19 of 20 images: the probe was wrong, so this image is unclear."""
    outcomes = [[1, 1, 1, 1]] * 40 + [[1, 0, 1, 1]] * 10
    told = attribute(outcomes, {"relation": [True] * 50}, {"relation": reading(LOST, 50)})

    assert told.causes["unclear"].sum() > 0.95 * 10


def test_a_lost_slot_that_is_guessed_right_half_of_the_time_still_blames_the_encoder() -> None:
    told = attribute([[1, 0]] * 50, {"relation": [True] * 50}, {"relation": reading(LOST, 50)})

    assert told.causes["encoder"].sum() > 0.95 * 50


def by_slot(
    told: dict[str, list[list[float]]],
    probabilities: dict[str, float],
    heads: dict[str, list[str]] | None = None,
) -> Attribution:
    """Forty equal prompts, judged slot by slot."""
    n = 40
    success = np.min([np.array(each) for each in told.values()], axis=0).repeat(n, axis=0)
    return attribute(
        success,
        {slot: [True] * n for slot in probabilities},
        {slot: reading(each, n) for slot, each in probabilities.items()},
        slot_correct={slot: np.array(each).repeat(n, axis=0) for slot, each in told.items()},
        heads=heads,
    )


def test_each_image_is_attributed_by_the_slots_wrong_in_it() -> None:
    """The colour is lost and wrong in one image, the relation held and wrong in two others."""
    told = by_slot(
        {"object_1.colour": [[0, 1, 1, 0]], "relation": [[1, 0, 0, 1]]},
        {"object_1.colour": LOST, "relation": HELD},
    )

    assert told.causes["encoder"][0] == pytest.approx(2, abs=0.05)
    assert told.causes["denoiser"][0] == pytest.approx(2, abs=0.05)


def test_a_lost_slot_that_was_drawn_right_is_not_needed() -> None:
    told = by_slot(
        {"object_1.colour": [[1, 1, 1]], "relation": [[0, 0, 0]]},
        {"object_1.colour": LOST, "relation": HELD},
    )

    assert told.cause[0] == "denoiser"
    assert not told.needed["object_1.colour"].any()


def test_a_wrong_relation_also_needs_the_nouns_it_stands_between() -> None:
    """The noun is drawn right throughout, but which object comes first was lost with it."""
    told = by_slot(
        {"object_1.shape": [[1, 1, 1]], "relation": [[0, 1, 0]]},
        {"object_1.shape": LOST, "relation": HELD},
        {"relation": ["object_1.shape"]},
    )

    assert told.cause[0] == "encoder"
    assert told.needed["object_1.shape"].all()
    assert told.lost["object_1.shape"].all() and not told.lost["relation"].any()


def test_every_slot_is_needed_where_the_judge_finds_none_of_them_wrong() -> None:
    told = attribute(
        [[0, 0, 0]],
        {"object_1.colour": [True], "relation": [False]},
        {"object_1.colour": reading(HELD)},
        slot_correct={"object_1.colour": [[1, 1, 1]], "relation": [[np.nan] * 3]},
    )

    assert told.needed["object_1.colour"][0] and not told.needed["relation"][0]
    assert told.cause[0] == "denoiser"


def test_an_image_left_out_needs_nothing() -> None:
    told = attribute(
        [[0, np.nan]],
        {"object_1.colour": [True], "relation": [True]},
        {},
        slot_correct={"object_1.colour": [[1, 0]], "relation": [[0, 1]]},
    )

    assert told.wrong[0] == 1
    assert not told.needed["object_1.colour"][0]


def test_a_prompt_that_never_fails_or_was_never_judged_has_no_cause() -> None:
    told = attribute([[1, np.nan], [np.nan, np.nan]], {"relation": [True, True]}, {})

    assert list(told.cause) == ["", ""] and list(told.detail) == ["", ""]


def noisy_denoiser(lost: np.ndarray, right: np.ndarray) -> dict[str, float]:
    """Shares of the details where the denoiser's probe calls `lost`, and images are `right`."""
    n = len(lost)
    inside = DecodedSlot(np.where(lost, LOST, HELD), np.full(n, 0.01), 0.75)
    told = attribute(
        right,
        {"relation": [True] * n},
        {"relation": reading(HELD, n)},
        denoiser={"relation": inside},
    )
    total = told.causes["not told from chance"].sum()
    return {name: float(each.sum() / total) for name, each in told.details.items()}


def test_what_is_drawn_wrong_where_the_denoiser_lost_it_was_lost_on_the_way_in() -> None:
    rng = np.random.default_rng(0)
    lost = rng.random(120) < 0.5
    right = rng.random((120, 2)) < np.where(lost, 0.4, 0.95)[:, None]

    assert noisy_denoiser(lost, right)["lost_on_the_way_in"] > 0.8


def test_what_is_never_drawn_where_it_is_lost_and_always_elsewhere_was_lost() -> None:
    lost = np.arange(60) < 30
    right = np.repeat(~lost, 2).reshape(60, 2).astype(float)

    assert noisy_denoiser(lost, right)["lost_on_the_way_in"] > 0.99


def test_what_the_encoder_lost_does_not_vouch_for_the_denoisers_probe() -> None:
    """It loses half of the prompts; of the others the denoiser's probe calls half lost at random,
    and they are drawn right alike."""
    rng = np.random.default_rng(2)
    before = np.arange(240) < 120
    called = before | (rng.random(240) < 0.5)
    right = (rng.random((240, 2)) < np.where(before, 0.3, 0.8)[:, None]).astype(float)
    stations = [
        {"relation": DecodedSlot(np.where(lost, LOST, HELD), np.full(240, 0.01), 0.75)}
        for lost in (before, called)
    ]
    told = attribute(right, {"relation": [True] * 240}, stations[0], denoiser=stations[1])

    assert told.details["lost_on_the_way_in"].sum() < 0.05 * told.wrong.sum()
    assert told.details["unclear"].sum() > 0.1 * told.wrong.sum()


@pytest.mark.parametrize("rate", [0.4, 0.75, 0.95])
@pytest.mark.parametrize("called", [0.02, 0.3, 0.9])
def test_a_probe_that_calls_lost_at_random_never_says_where_it_was_lost(
    rate: float, called: float
) -> None:
    """The fewer the prompts, the more it calls lost; none of that is believed."""
    rng = np.random.default_rng(1)
    lost = rng.random(120) < called
    right = rng.random((120, 2)) < rate
    details = noisy_denoiser(lost, right)

    assert details["lost_on_the_way_in"] < 0.05
    assert details["unclear"] == pytest.approx(lost.repeat(2)[~right.ravel()].mean(), abs=0.05)


def test_a_guess_that_is_right_is_not_taken_for_knowledge() -> None:
    """Green and purple are one to the probe, which always says green; red it knows."""
    values = ["green"] * 20 + ["purple"] * 20 + ["red"] * 20
    readings = DecodedSlot(
        np.repeat([0.95, 0.05, 0.95], 20), np.full(60, 0.02), 0.75
    ).without_guesses(values, {"purple": "green"})

    np.testing.assert_allclose(readings.probability, np.repeat([0.5, 0.5, 0.95], 20))
    np.testing.assert_allclose(readings.lost(), np.repeat([1, 1, 0], 20), atol=1e-3)


def test_values_are_joined_along_a_chain_and_what_was_not_read_stays_so() -> None:
    readings = DecodedSlot(
        np.array([0.9, 0.3, 0.3, np.nan, 0.9]), np.full(5, 0.02), 0.75
    ).without_guesses(["a", "b", "c", "c", "d"], {"b": "a", "c": "b"})

    np.testing.assert_allclose(readings.probability, [0.5, 0.5, 0.5, np.nan, 0.9])


OUTCOME = st.sampled_from([0.0, 1.0, float("nan")])
PROBABILITY = st.floats(0, 1) | st.just(float("nan"))


@st.composite
def judged_prompts(draw: st.DrawFn) -> tuple[np.ndarray, dict[str, DecodedSlot], np.ndarray]:
    n, seeds = draw(st.integers(1, 5)), draw(st.integers(1, 4))
    success = np.array(draw(st.lists(OUTCOME, min_size=n * seeds, max_size=n * seeds)))
    right = np.array(draw(st.lists(OUTCOME, min_size=n * seeds, max_size=n * seeds)))
    readings = {
        slot: DecodedSlot(
            np.array(draw(st.lists(PROBABILITY, min_size=n, max_size=n))),
            np.full(n, 0.02),
            0.75,
        )
        for slot in ("object_1.colour", "relation")
    }
    return success.reshape(n, seeds), readings, right.reshape(n, seeds)


@settings(deadline=None)
@given(judged_prompts())
def test_the_weights_of_a_prompt_sum_to_its_wrong_images(
    drawn: tuple[np.ndarray, dict[str, DecodedSlot], np.ndarray],
) -> None:
    success, readings, right = drawn
    has = {slot: [True] * len(success) for slot in readings}
    told = attribute(success, has, readings, denoiser=readings, slot_correct={"relation": right})

    weights = np.array(list(told.causes.values()))
    assert (weights >= -1e-9).all()
    np.testing.assert_allclose(weights.sum(axis=0), told.wrong, atol=1e-9)
    inside = sum(told.causes.get(name, 0) for name in ("denoiser", "not told from chance"))
    np.testing.assert_allclose(sum(told.details.values()), inside, atol=1e-9)


@settings(deadline=None)
@given(judged_prompts(), st.randoms())
def test_causes_do_not_depend_on_the_order_of_the_prompts(
    drawn: tuple[np.ndarray, dict[str, DecodedSlot], np.ndarray], random: object
) -> None:
    success, readings, right = drawn
    order = np.arange(len(success))
    random.shuffle(order)  # type: ignore[attr-defined]
    has = {slot: [True] * len(success) for slot in readings}
    told = attribute(success, has, readings, slot_correct={"relation": right})
    moved = attribute(
        success[order],
        has,
        {
            slot: DecodedSlot(each.probability[order], each.error[order], each.threshold)
            for slot, each in readings.items()
        },
        slot_correct={"relation": right[order]},
    )

    for name, weights in told.causes.items():
        np.testing.assert_allclose(moved.causes[name], weights[order], atol=1e-9)
