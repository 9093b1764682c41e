"""Attribution of failing prompts to a cause."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from t2i_audit.analysis.attribution import (
    CAUSES,
    Attribution,
    DecodedSlot,
    attribute,
    attribution_shares,
    culprit,
    decodable_threshold,
)
from t2i_audit.results.interval import Interval


def reading(lower: float, upper: float | None = None, presence: float = 0.5) -> DecodedSlot:
    """One prompt's reading of one slot; at this presence the threshold is 0.75."""
    high = lower if upper is None else upper
    return DecodedSlot(np.array([lower]), np.array([high]), np.array([presence]))


def one(
    outcomes: list[float],
    encoder: DecodedSlot,
    denoiser: DecodedSlot | None = None,
) -> tuple[str, str]:
    """Cause and detail of a single prompt with one slot."""
    result = attribute(
        [outcomes],
        {"relation": [True]},
        {"relation": encoder},
        denoiser=None if denoiser is None else {"relation": denoiser},
    )
    return str(result.cause[0]), str(result.detail[0])


HELD, LOST, ASTRIDE = reading(0.9), reading(0.5), reading(0.6, 0.9)


def test_the_threshold_lies_half_way_from_the_bag_of_words_to_certainty() -> None:
    # (1 + 0.5) / 2, (1 + 0.2) / 2, and a guess of 0.9 counts as 0.5.
    np.testing.assert_allclose(decodable_threshold([0.5, 0.2, 0.9]), [0.75, 0.6, 0.75])


def test_right_under_more_than_half_of_the_seeds_is_chance() -> None:
    assert one([1, 1, 0], LOST) == ("chance", "")


def test_right_under_exactly_half_of_the_seeds_is_not_chance() -> None:
    assert one([1, 0], LOST) == ("encoder", "")


def test_a_slot_surely_lost_at_the_encoder_blames_the_encoder() -> None:
    assert one([0, 0], LOST, HELD) == ("encoder", "")


def test_a_slot_held_at_the_encoder_blames_the_denoiser() -> None:
    assert one([0, 0], HELD) == ("denoiser", "")


def test_an_interval_over_the_threshold_is_unclear() -> None:
    assert one([0, 0], ASTRIDE) == ("unclear", "")


def test_a_slot_that_was_not_read_is_unclear() -> None:
    assert one([0, 0], reading(np.nan)) == ("unclear", "")


@pytest.mark.parametrize(
    ("inside", "detail"),
    [(LOST, "lost_on_the_way_in"), (HELD, "held_not_drawn"), (ASTRIDE, "unclear")],
)
def test_the_denoiser_station_says_where_the_denoiser_failed(
    inside: DecodedSlot, detail: str
) -> None:
    assert one([0, 0], HELD, inside) == ("denoiser", detail)


def test_a_prompt_that_never_fails_has_no_cause() -> None:
    assert one([1, np.nan], LOST) == ("", "")


def test_a_prompt_that_was_never_judged_has_no_cause() -> None:
    assert one([np.nan, np.nan], LOST) == ("", "")


def test_a_lost_slot_that_was_drawn_right_blames_nobody() -> None:
    readings = {"object_1.colour": LOST, "relation": HELD}
    has = {slot: [True] for slot in readings}
    told = {"object_1.colour": [[1, 1]], "relation": [[0, 0]]}

    assert attribute([[0, 0]], has, readings, slot_correct=told).cause[0] == "denoiser"
    assert attribute([[0, 0]], has, readings).cause[0] == "encoder"


def test_every_slot_is_needed_where_the_judge_finds_none_of_them_wrong() -> None:
    result = attribute(
        [[0]],
        {"object_1.colour": [True], "relation": [False]},
        {"object_1.colour": HELD},
        slot_correct={"object_1.colour": [[1]], "relation": [[np.nan]]},
    )

    assert {slot: bool(needed[0]) for slot, needed in result.needed.items()} == {
        "object_1.colour": True,
        "relation": False,
    }


def test_a_slot_wrong_only_in_an_image_left_out_is_not_needed() -> None:
    result = attribute(
        [[0, np.nan]],
        {"object_1.colour": [True], "relation": [True]},
        {},
        slot_correct={"object_1.colour": [[1, 0]], "relation": [[0, 1]]},
    )

    assert not result.needed["object_1.colour"][0]


def test_a_wrong_relation_also_needs_the_nouns_it_stands_between() -> None:
    readings = {"object_1.shape": LOST, "object_1.colour": LOST, "relation": HELD}
    told = {"object_1.shape": [[1]], "object_1.colour": [[1]], "relation": [[0]]}
    result = attribute(
        [[0]],
        {slot: [True] for slot in readings},
        readings,
        slot_correct=told,
        heads={"relation": ["object_1.shape"]},
    )

    assert {slot: bool(needed[0]) for slot, needed in result.needed.items()} == {
        "object_1.shape": True,
        "object_1.colour": False,
        "relation": True,
    }
    assert result.cause[0] == "encoder"


def test_the_nouns_of_a_relation_that_was_drawn_right_are_not_needed() -> None:
    result = attribute(
        [[0]],
        {"object_1.shape": [True], "object_1.colour": [True], "relation": [True]},
        {},
        slot_correct={"object_1.shape": [[1]], "object_1.colour": [[0]], "relation": [[1]]},
        heads={"relation": ["object_1.shape"]},
    )

    assert not result.needed["object_1.shape"][0]


PROBABILITY = st.floats(0, 1) | st.just(float("nan"))


@settings(deadline=None)
@given(
    st.lists(st.sampled_from([0.0, 1.0, float("nan")]), min_size=1, max_size=4),
    st.lists(
        st.tuples(st.booleans(), PROBABILITY, PROBABILITY, PROBABILITY), min_size=1, max_size=4
    ),
)
def test_the_rule_agrees_with_a_plain_reading_of_it(
    outcomes: list[float], slots: list[tuple[bool, float, float, float]]
) -> None:
    judged = [value for value in outcomes if value == value]
    states = []
    for has, first, second, presence in slots:
        low, high = min(first, second), max(first, second)
        threshold = (1 + (min(presence, 0.5) if presence == presence else np.nan)) / 2
        if has:
            states.append("lost" if high < threshold else "held" if low >= threshold else "?")
    if 0.0 not in judged:
        expected = ""
    elif sum(judged) * 2 > len(judged):
        expected = "chance"
    elif "lost" in states:
        expected = "encoder"
    else:
        expected = "unclear" if "?" in states else "denoiser"
    names = [f"slot_{index}" for index in range(len(slots))]
    readings = {
        name: reading(min(a, b), max(a, b), p)
        for name, (_, a, b, p) in zip(names, slots, strict=True)
    }
    has_slot = {name: [slot[0]] for name, slot in zip(names, slots, strict=True)}

    assert attribute([outcomes], has_slot, readings).cause[0] == expected


def planted(
    held: np.ndarray, rate: np.ndarray, rng: np.random.Generator, seeds: int = 4
) -> tuple[Attribution, np.ndarray]:
    """Prompts of one slot, held or not at the encoder, right at `rate`."""
    n = len(held)
    success = (rng.random((n, seeds)) < rate[:, None]).astype(float)
    p = np.clip(np.where(held, 0.93, 0.5) + rng.normal(0, 0.04, n), 0, 1)
    slot = DecodedSlot(p - 0.05, p + 0.05, np.full(n, 0.5))
    return attribute(success, {"relation": np.ones(n, bool)}, {"relation": slot}), success


@pytest.mark.parametrize(
    ("held", "rate", "expected"),
    [
        (False, 0.25, "encoder"),
        (True, 0.25, "denoiser"),
        (True, 0.85, "chance"),
        (True, 0.99, "few failures"),
    ],
)
def test_a_planted_culprit_is_named(held: bool, rate: float, expected: str) -> None:
    rng = np.random.default_rng(0)
    attribution, success = planted(np.full(150, held), np.full(150, rate), rng)
    shares = attribution_shares(attribution, success, np.arange(150), rng=rng)

    assert shares.culprit == expected


def test_two_causes_in_equal_parts_name_no_culprit() -> None:
    rng = np.random.default_rng(1)
    attribution, success = planted(np.arange(200) < 100, np.full(200, 0.1), rng)
    shares = attribution_shares(attribution, success, np.arange(200), rng=rng)

    assert shares.culprit == "unclear"


def test_shares_of_the_failing_prompts_sum_to_one() -> None:
    rng = np.random.default_rng(2)
    attribution, success = planted(rng.random(100) < 0.5, rng.uniform(size=100), rng)
    shares = attribution_shares(attribution, success, np.arange(100) // 2, rng=rng)

    assert sum(shares.causes[name].estimate for name in CAUSES) == pytest.approx(1)
    assert {share.n for share in shares.causes.values()} == {int(attribution.failing.sum())}


def test_without_a_failing_prompt_shares_are_undefined_and_failures_few() -> None:
    attribution = attribute([[1, 1]] * 3, {"relation": [True] * 3}, {})
    shares = attribution_shares(
        attribution, [[1, 1]] * 3, np.arange(3), rng=np.random.default_rng(0)
    )

    assert all(np.isnan(share.estimate) for share in shares.causes.values())
    assert shares.culprit == "few failures"


@pytest.mark.parametrize(("failing", "expected"), [(4, "unclear"), (5, "encoder")])
def test_a_culprit_needs_five_failing_prompts(failing: int, expected: str) -> None:
    shares = {name: Interval(0.0, 0.0, 0.6, failing) for name in CAUSES}
    shares["encoder"] = Interval(1.0, 0.4, 1.0, failing)

    assert culprit(shares, Interval(0.2, 0.05, 0.5, 10)) == expected


def test_no_judged_image_names_no_culprit() -> None:
    nothing = Interval(np.nan, np.nan, np.nan, 0)

    assert culprit(dict.fromkeys(CAUSES, nothing), nothing) == "unclear"
