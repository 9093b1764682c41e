"""How many labels a corrected rate needs, and which."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from t2i_audit.analysis.labelled import Item
from t2i_audit.analysis.labels_needed import allocate, draw_images, label_plan, labels_needed


@pytest.mark.parametrize(
    ("sensitivity", "specificity", "rate", "best", "random", "alone"),
    [
        # Measured before, ../shared/facts/validity.md, section 7.
        (0.84, 0.80, 0.5, 629, 629, 1067),
        (0.84, 0.80, 0.2, 402, 480, 683),
        (0.94, 0.80, 0.5, 455, 471, 1067),
        (0.97, 0.97, 0.5, 124, 124, 1067),
        (0.94, 0.28, 0.95, 184, 196, 203),
    ],
)
def test_labels_for_three_points_are_those_that_were_measured(
    sensitivity: float, specificity: float, rate: float, best: int, random: int, alone: int
) -> None:
    found = labels_needed(sensitivity, specificity, rate, half_width=0.03)

    assert (found.labels, found.proportional, found.without_judge) == (best, random, alone)
    assert found.accepted + found.rejected == found.labels


def test_a_perfect_judge_needs_no_labels_and_a_useless_one_saves_none() -> None:
    assert labels_needed(1.0, 1.0, 0.5, half_width=0.03).labels == 0
    assert labels_needed(0.5, 0.5, 0.5, half_width=0.03).labels == 1067


def images(right: int, wrong: int) -> list[Item]:
    return [
        Item((f"p{n}", 0), "", "relation", "relation", "", n < right, math.nan, n % 3 > 0, 1.0)
        for n in range(right + wrong)
    ]


def test_a_plan_names_the_pilot_and_takes_measured_errors_first() -> None:
    plan = label_plan(images(200, 30), judge="clip", half_width=0.03, measured=(0.9, 0.9, 0.5))

    assert plan.pilot == {"right, relation": 50, "wrong, relation": 30}
    assert (plan.needed[0].source, plan.needed[0].sensitivity) == ("measured", 0.9)
    assert plan.n_images == 230
    assert plan.judged_right == pytest.approx(200 / 230)


@given(
    st.lists(st.tuples(st.integers(1, 60), st.floats(0.1, 0.5)), min_size=1, max_size=5),
    st.data(),
)
def test_an_allocation_gives_all_that_is_asked_for_and_no_stratum_more_than_it_has(
    strata: list[tuple[int, float]], data: st.DataObject
) -> None:
    sizes, spreads = (np.array(each) for each in zip(*strata, strict=True))
    at_least = np.array([data.draw(st.integers(0, int(size))) for size in sizes])
    count = data.draw(st.integers(int(at_least.sum()), int(sizes.sum())))

    given_ = allocate(sizes, spreads, count, at_least=at_least)

    assert given_.sum() == count
    assert np.all(at_least <= given_) and np.all(given_ <= sizes)


def test_an_allocation_without_limits_is_in_proportion_to_size_times_spread() -> None:
    given_ = allocate(np.array([1000, 1000]), np.array([0.1, 0.3]), 400, at_least=np.array([0, 0]))

    assert given_.tolist() == [100, 300]


def test_a_draw_stands_for_all_images_and_depends_on_the_seed_alone() -> None:
    items = images(300, 100)
    truth = {item.image: item.truth for item in items}

    draws = [
        draw_images(items, 120, lambda asked: truth, rng=np.random.default_rng(seed))
        for seed in (0, 0, 1)
    ]

    assert draws[0] == draws[1] != draws[2]
    assert len(draws[0]) == 120
    assert sum(draws[0].values()) == pytest.approx(400)


def test_only_drawn_images_are_labelled() -> None:
    items = images(300, 100)
    truth = {item.image: item.truth for item in items}
    asked: list[tuple[str, int]] = []

    def label(images: list[tuple[str, int]]) -> dict[tuple[str, int], bool | None]:
        asked.extend(images)
        return {image: truth[image] for image in images}

    drawn = draw_images(items, 120, label, rng=np.random.default_rng(0))  # type: ignore[arg-type]

    assert set(asked) <= set(drawn)
