"""What is used, and who is to blame, from images drawn under interventions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prompts.world import Content, write
from scripts.simulations.audited import culprit_by_use, decoded_readings, use_in
from scripts.simulations.interventions import SLOT, Model, draw_images
from scripts.simulations.readings import readings_of_slots
from scripts.simulations.sections.use import NAMED, Fault, plant
from scripts.simulations.worlds import sample_world
from t2i_audit.analysis.use import estimate_use, half_width
from t2i_audit.analysis.use.comparing import compared_use
from t2i_audit.analysis.use.culprits import culprit_of, failing_values
from t2i_audit.analysis.use.drawn import DrawnImages
from t2i_audit.analysis.use.verdict import erasing, steering, use_verdict
from t2i_audit.results.interval import Interval
from t2i_audit.results.use import SlotUse
from t2i_audit.settings import DEFAULT_USE_PROMPTS

COLOUR, SHAPE = "object_1.colour", "object_1.shape"
COLOURS = ("red", "red", "green", "blue", "yellow")
PROMPTS = [
    write(Content(((colour, shape),)))
    for colour, shape in zip(COLOURS, ("star", "cross", "star", "star", "star"), strict=True)
]


def row(prompt: int, kind: str, colour: bool | None, shape: bool = True, **more: Any) -> Any:
    own = {"prompt_id": PROMPTS[prompt].id, "seed": 0, "site": "text", "slot": COLOUR}
    return {**own, "kind": kind, "correct": True, "slots": {COLOUR: colour, SHAPE: shape}, **more}


def judged(rights: list[bool]) -> list[Any]:
    return [row(prompt, "", right) for prompt, right in enumerate(rights)]


def used(rows: list[Any], rights: list[bool] | None = None) -> SlotUse:
    images = DrawnImages.of(PROMPTS, judged(rights or [True] * 5), rows, seeds=1)
    return next(each for each in estimate_use(images)[0] if each.slot == COLOUR)


def test_use_is_the_drop_beyond_the_drop_under_the_control() -> None:
    erased = [row(prompt, "erase", prompt == 0, prompt != 4) for prompt in range(5)]
    random = [row(prompt, "random", prompt != 1) for prompt in range(5)]
    found = used([*erased, *random])

    # Right: 5 of 5 unchanged, 4 of 5 under the control, 1 of 5 erased.
    shares = (found.unchanged, found.random, found.erased, found.use)
    assert [each.estimate for each in shares] == pytest.approx([1, 0.8, 0.2, 0.6])
    assert found.use.n == 5 and found.use.lower < 0.6 < found.use.upper
    # Selectivity: one shape of five was lost with the colour, and none under the control.
    assert found.others[SHAPE].estimate == pytest.approx(0.2)
    # Always red would be right in two of five.
    assert found.guess == pytest.approx(0.4)


def test_all_shares_are_of_the_images_that_have_every_verdict() -> None:
    erased = [row(prompt, "erase", None if prompt == 0 else False) for prompt in range(5)]
    random = [row(prompt, "random", True, correct=None if prompt == 1 else True)
              for prompt in range(4)]  # fmt: skip

    # Two images lack a verdict, and one has no control.
    assert {each.n for each in (used([*erased, *random]).use, used([*erased, *random]).erased)} == {
        2
    }


def test_steering_is_set_beside_the_unchanged_images() -> None:
    rows = [row(prompt, kind, True) for prompt in range(5) for kind in ("erase", "random")]
    rows += [row(prompt, "steer", prompt < 3, target="blue") for prompt in range(5)]
    rows += [row(prompt, "steer", prompt == 0, site="unchanged") for prompt in range(5)]
    found = used(rows)
    assert found.steered and found.unsteered and found.followed

    assert found.steered.estimate == pytest.approx(0.6)
    assert found.unsteered.estimate == pytest.approx(0.2)
    assert found.followed.estimate == pytest.approx(0.4)


def test_context_is_needed_as_far_as_words_alone_are_drawn_worse() -> None:
    rows = [row(prompt, "context", prompt < 2, slot=None) for prompt in range(5)]
    images = DrawnImages.of(PROMPTS, judged([True] * 5), rows, seeds=1)
    uses, needs = estimate_use(images)
    (need,) = [each for each in needs if each.slot == COLOUR]

    assert uses == ()
    assert need.unchanged.estimate == 1 and need.alone.estimate == pytest.approx(0.4)
    assert need.need.estimate == pytest.approx(0.6)


@pytest.mark.parametrize("right", [True, False])
def test_where_nothing_changes_the_interval_keeps_its_width(right: bool) -> None:
    rows = [row(prompt, kind, right) for prompt in range(5) for kind in ("erase", "random")]
    use = used(rows, [right] * 5).use

    # No change in 5: the score interval of Tango reaches z^2 / (n + z^2) to either side.
    assert use.estimate == 0
    assert use.upper == pytest.approx(1.96**2 / (5 + 1.96**2), abs=1e-4)
    assert use.lower == -use.upper


@given(
    st.lists(st.tuples(st.booleans(), st.booleans()), min_size=5, max_size=5),
    st.randoms(use_true_random=False),
)
def test_the_order_of_rows_does_not_matter(outcomes: list[tuple[bool, bool]], random: Any) -> None:
    rows = [
        row(prompt, kind, right)
        for prompt, pair in enumerate(outcomes)
        for kind, right in zip(("erase", "random"), pair, strict=True)
    ]
    first = used(rows)
    random.shuffle(rows)

    assert used(rows) == first
    assert -1 <= first.use.lower <= first.use.estimate <= first.use.upper <= 1


ONE, NONE = Interval(1.0, 0.98, 1.0, 200), Interval(0.0, 0.0, 0.02, 200)


def between(lower: float, upper: float) -> Interval:
    return Interval((lower + upper) / 2, lower, upper, 200)


@pytest.mark.parametrize(
    ("use", "right", "followed", "works", "verdict"),
    [
        (between(0.3, 0.5), 1.0, between(0.3, 0.5), True, "used"),
        # One witness is enough, whatever the other says.
        (between(0.3, 0.5), 1.0, between(-0.02, 0.02), True, "used"),
        (between(-0.02, 0.02), 1.0, between(0.3, 0.5), True, "used"),
        (between(-0.05, 0.05), 1.0, between(-0.05, 0.05), True, "not used"),
        # The room is .75, and a sixth of it .125; of an exchange it is 1, and .167.
        (between(0.10, 0.20), 1.0, between(0.10, 0.20), True, "unclear"),
        (between(0.04, 0.12), 1.0, between(0.04, 0.12), True, "not used"),
        # At chance there is nothing to lose, and only steering can tell.
        (between(-0.05, 0.05), 0.25, between(-0.05, 0.05), True, "not used"),
        (between(-0.05, 0.05), 0.25, between(-0.05, 0.05), False, "unclear"),
        (between(-0.05, 0.05), 0.25, None, False, "unclear"),
        (between(0.01, 0.05), 0.25, None, False, "unclear"),
        # Steering that denies does not outweigh an erasure that surely takes something.
        (between(0.03, 0.09), 0.35, between(-0.05, 0.05), True, "unclear"),
    ],
)
def test_a_verdict_needs_room_and_a_sure_interval(
    use: Interval, right: float, followed: Interval | None, works: bool, verdict: str
) -> None:
    random = between(right - 0.05, min(right + 0.05, 1))
    steered = None if followed is None else steering(followed, NONE, works=works)

    found, reason = use_verdict(erasing(use, random, 0.25), steered)

    assert found == verdict and reason


def test_a_slot_at_chance_that_is_not_steered_is_said_to_have_had_no_room() -> None:
    _, reason = use_verdict(erasing(between(-0.05, 0.05), between(0.2, 0.3), 0.25), None)

    assert reason == (
        "it is drawn no more often than by a guess, so that erasing it could not have shown its use"
    )


def test_the_default_number_of_prompts_keeps_intervals_within_a_tenth() -> None:
    assert half_width(DEFAULT_USE_PROMPTS) < 0.10 < half_width(DEFAULT_USE_PROMPTS // 2)

    # The most uncertain case: both are right in half of the images, independently of each other.
    world = sample_world(DEFAULT_USE_PROMPTS, np.random.default_rng(3))
    images = draw_images(Model(0.5, spoilt=0.9), world.prompts, np.random.default_rng(4))
    use = use_in(images, SLOT).use
    assert (use.upper - use.lower) / 2 < 0.105


@pytest.mark.parametrize("fault", [fault for fault, named in NAMED.items() if len(named) == 1])
def test_a_planted_fault_names_its_culprit(fault: Fault) -> None:
    rng = np.random.default_rng(11)
    world = sample_world(DEFAULT_USE_PROMPTS, rng)
    gone, right, model = plant(fault, world, rng)
    images = draw_images(model, world.prompts, rng, seeds=4, right=right)
    encoder = readings_of_slots(world.prompts, {SLOT: gone}, rng)

    assert culprit_by_use(SLOT, images, encoder, rng=rng) in NAMED[fault]


def test_values_are_named_that_fail_more_often_than_the_others() -> None:
    named = [{"red", "green"}, {"red", "blue"}, {"green", "blue"}] * 30
    right = np.array([[0.0], [0.0], [1.0]] * 30)
    clusters = np.arange(90)

    found = failing_values(right, named, clusters)

    # Every prompt that names red fails; half of those that name green or blue do.
    assert list(found) == ["red"] and found["red"].estimate == 1 and found["red"].n == 60


def test_no_value_is_named_where_all_fail_alike() -> None:
    rng = np.random.default_rng(5)
    named = [{"red"}, {"green"}] * 50

    right = (rng.random((100, 2)) < 0.5).astype(np.float64)

    assert failing_values(right, named, np.arange(100)) == {}


def test_two_runs_are_compared_over_the_images_that_both_have() -> None:
    rng = np.random.default_rng(7)
    world = sample_world(120, rng)
    base = draw_images(Model(0.95), world.prompts, rng)
    candidate = draw_images(Model(0.95, used=0.9), world.prompts, rng)
    found = compared_use(base, candidate)[SLOT]
    own = [use_in(images, SLOT).use for images in (base, candidate)]

    assert (found.base, found.candidate) == tuple(own)
    assert found.difference.estimate == pytest.approx(own[1].estimate - own[0].estimate)
    assert found.difference.lower > 0.3 and found.difference.n == 120


def test_a_run_compared_with_itself_does_not_differ() -> None:
    rng = np.random.default_rng(8)
    images = draw_images(Model(0.95, used=0.5), sample_world(60, rng).prompts, rng)
    found = compared_use(images, images)[SLOT].difference

    assert found.estimate == 0 and found.lower <= 0 <= found.upper


def test_a_vae_that_merges_the_values_that_fail_is_named() -> None:
    rng = np.random.default_rng(12)
    world = sample_world(DEFAULT_USE_PROMPTS, rng)
    gone, right, model = plant("drawn wrong", world, rng)
    images = draw_images(model, world.prompts, rng, seeds=2, right=right)
    encoder = decoded_readings(readings_of_slots(world.prompts, {SLOT: gone}, rng))
    use = use_in(images, SLOT)
    failing = sorted(set(images.values(SLOT)[right < 0.5]))

    def named(merged: list[str]) -> str:
        own = np.random.default_rng(1)
        return culprit_of(SLOT, images, encoder, use, merged=merged, rng=own, resamples=99).culprit

    assert named([]) == "denoiser fails to draw it"
    assert named(failing) == "VAE loses it"
    # Values that are drawn right explain nothing.
    assert named(sorted(set(images.values(SLOT)) - set(failing))) == "denoiser fails to draw it"


@pytest.mark.parametrize(
    ("right", "named", "agrees"), [(1.0, "none", True), (float("nan"), "unclear", None)]
)
def test_without_a_wrong_image_nobody_is_named(
    right: float, named: str, agrees: bool | None
) -> None:
    prompts = sample_world(20, np.random.default_rng(1)).prompts
    clusters = np.array([prompt.composition for prompt in prompts])
    images = DrawnImages(prompts, clusters, {SLOT: np.full((20, 2), right)})
    found = culprit_of(SLOT, images, {}, None, rng=np.random.default_rng(1))

    assert (found.culprit, found.agrees) == (named, agrees)
    assert found.reason == ("no image is wrong" if agrees else "no image was judged")


def test_a_slot_that_no_probe_read_has_no_clear_culprit() -> None:
    rng = np.random.default_rng(2)
    images = draw_images(Model(0.5), sample_world(60, rng).prompts, rng, seeds=2)
    found = culprit_of(SLOT, images, {}, use_in(images, SLOT), rng=rng, resamples=99)

    assert found.culprit == "unclear"
    assert found.reason == "the probe does not decide whether the text encoder holds it"
