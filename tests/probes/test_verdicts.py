"""Verdicts of slots, from figures with their intervals."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prompts.suite import load_suite
from prompts.world import Content, write
from t2i_audit.probes.enough import FEWEST_PER_VALUE, too_small
from t2i_audit.probes.verdicts import threshold_of, verdict_of, with_images
from t2i_audit.results.decoding import Verdict
from t2i_audit.results.interval import Interval, undefined


def interval(lower: float, upper: float) -> Interval:
    return Interval((lower + upper) / 2, lower, upper, 100)


@pytest.mark.parametrize(
    ("own", "gain", "verdict"),
    [
        ((0.60, 0.74), (-0.3, 0.3), "lost"),
        ((0.60, 0.76), (0.1, 0.3), "unclear"),
        ((0.75, 0.90), (0.1, 0.3), "kept"),
        ((0.80, 0.90), (0.01, 0.04), "saturated"),
        ((0.80, 0.90), (-0.05, 0.05), "saturated"),
        ((0.80, 0.90), (0.01, 0.06), "kept"),
        ((0.80, 0.90), (-0.2, -0.1), "below random weights"),
        ((0.80, 0.90), (-0.1, 0.1), "unclear"),
    ],
)
def test_the_first_rule_that_fits_decides(
    own: tuple[float, float], gain: tuple[float, float], verdict: Verdict
) -> None:
    found, reason = verdict_of(interval(*own), interval(*gain), threshold=0.75, controlled=True)

    assert found == verdict
    assert bool(reason) == (verdict == "unclear")


def test_what_was_not_read_is_undefined_and_a_control_matters_only_to_what_is_decodable() -> None:
    def verdict(own: Interval, *, controlled: bool) -> tuple[Verdict, str]:
        return verdict_of(own, undefined(), threshold=0.75, controlled=controlled, unread="why")

    assert verdict(undefined(), controlled=True) == ("undefined", "why")
    assert verdict(interval(0.1, 0.2), controlled=True) == ("lost", "")
    assert verdict(interval(0.8, 0.9), controlled=False) == ("kept", "")
    assert verdict(interval(0.8, 0.9), controlled=True)[0] == "undefined"


@given(
    st.floats(0, 1), st.floats(0, 0.3), st.floats(-1, 1), st.floats(0, 0.3), st.floats(0.5, 0.75)
)
def test_a_wider_interval_never_turns_one_certain_verdict_into_another(
    estimate: float, half: float, gain: float, gain_half: float, threshold: float
) -> None:
    def verdict(scale: float) -> Verdict:
        return verdict_of(
            interval(estimate - scale * half, estimate + scale * half),
            interval(gain - scale * gain_half, gain + scale * gain_half),
            threshold=threshold,
            controlled=True,
        )[0]

    narrow, wide = verdict(1), verdict(2)

    # Only that a gain is there at all may be sure where that it is small is not.
    assert wide in (narrow, "unclear") or (narrow, wide) in {
        ("saturated", "kept"),
        ("saturated", "below random weights"),
    }


def test_the_threshold_is_half_way_from_guessing_among_the_words_to_certainty() -> None:
    one = write(Content((("red", "star"),)))
    two = write(Content((("red", "star"), ("blue", "cross")), "above"))

    assert threshold_of([two, two], "object_1.colour") == 0.75
    # The only colour of a prompt is known from the words, but no more than half is asked of them.
    assert threshold_of([one], "object_1.colour") == 0.75
    assert threshold_of([two], "relation") == 0.75
    three = load_suite("complex").prompts
    assert 0.6 < threshold_of(three, "object_4.colour") < 0.7


def test_the_threshold_does_not_depend_on_the_number_of_prompts() -> None:
    prompts = load_suite("world-relations").prompts

    assert {threshold_of(prompts[:n], "object_1.shape") for n in (60, 120, 480)} == {0.75}


def test_what_images_show_right_is_not_lost() -> None:
    """`sound` at 60 prompts called a slot lost (.31) that is drawn right in 98%."""
    drawn = Interval(0.98, 0.95, 1.0, 120)

    verdict, reason = with_images("lost", "", threshold=0.75, success=drawn)

    assert verdict == "unclear"
    assert "98%" in reason
    assert with_images("lost", "", threshold=0.75, success=interval(0.7, 0.9)) == ("lost", "")
    assert with_images("kept", "", threshold=0.75, success=drawn) == ("kept", "")


def test_a_slot_needs_ten_prompts_for_each_of_its_values() -> None:
    prompts = load_suite("world-relations").prompts
    six, four = "object_1.colour", "relation"

    assert too_small(prompts[:60], six) is None
    assert "59 prompts for 6 values" in (too_small(prompts[:59], six) or "")
    assert too_small(prompts[: 4 * FEWEST_PER_VALUE], four) is None
    assert too_small(prompts, "no such slot") is None
