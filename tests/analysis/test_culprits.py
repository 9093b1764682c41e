"""Planted faults and the culprit that is named, over draws of models with known truth."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from t2i_audit.analysis.attribution import attribute
from t2i_audit.analysis.attribution_shares import attribution_shares
from t2i_audit.analysis.culprit import culprit
from t2i_audit.results.attribution import AttributionShares, Cause
from t2i_audit.results.interval import Interval, undefined
from tests.analysis.causes import N, decoded, planted, shares_of

DRAWS = 10


def lost_in(share: float) -> np.ndarray:
    return np.arange(N) < share * N


def named(lost: np.ndarray, rate: np.ndarray | float, seeds: int) -> Counter[str]:
    """How often each culprit is named."""
    rates = np.broadcast_to(rate, N)
    return Counter(shares_of(lost, rates, seeds=seeds, draw=draw).culprit for draw in range(DRAWS))


@pytest.mark.parametrize("seeds", [2, 3, 4, 8])
@pytest.mark.parametrize(
    ("share", "held_rate"), [(0.5, 0.95), (1.0, 0.5), (0.3, 0.97)], ids=["half", "all", "rare"]
)
def test_an_encoder_that_loses_is_named_with_any_number_of_seeds(
    seeds: int, share: float, held_rate: float
) -> None:
    lost = lost_in(share)

    assert named(lost, np.where(lost, 0.5, held_rate), seeds) == {"encoder": DRAWS}


@pytest.mark.parametrize("seeds", [3, 4, 8])
@pytest.mark.parametrize("rate", [0.0, 0.35, 0.5, 0.6])
def test_a_denoiser_that_guesses_is_named(seeds: int, rate: float) -> None:
    assert named(lost_in(0), rate, seeds) == {"denoiser": DRAWS}


@pytest.mark.parametrize("seeds", [1, 2])
@pytest.mark.parametrize("rate", [0.35, 0.85])
def test_below_three_seeds_the_denoiser_is_not_told_from_chance(seeds: int, rate: float) -> None:
    assert named(lost_in(0), rate, seeds) == {"not told from chance": DRAWS}


@pytest.mark.parametrize("seeds", [1, 2, 3, 4, 8])
@pytest.mark.parametrize("rate", [0.85, 0.88])
def test_failures_by_chance_alone_never_blame_the_denoiser(seeds: int, rate: float) -> None:
    culprits = named(lost_in(0), rate, seeds)

    assert not {"denoiser", "encoder"} & set(culprits)
    if seeds > 3:
        assert culprits == {"chance": DRAWS}


@pytest.mark.parametrize("seeds", [3, 4, 8])
def test_a_denoiser_that_fails_at_the_same_prompts_again_is_named(seeds: int) -> None:
    """A third of the prompts is drawn right in a tenth of the images, the others nearly always."""
    assert named(lost_in(0), np.where(np.arange(N) % 3 == 0, 0.1, 0.98), seeds) == {
        "denoiser": DRAWS
    }


@pytest.mark.parametrize("seeds", [2, 4])
def test_nothing_wrong_is_few_failures(seeds: int) -> None:
    assert named(lost_in(0), 0.985, seeds) == {"few failures": DRAWS}


def test_the_encoders_share_does_not_depend_on_the_number_of_seeds() -> None:
    lost = lost_in(0.5)
    rate = np.where(lost, 0.5, 0.9)
    means = [
        np.mean(
            [
                shares_of(lost, rate, seeds=seeds, draw=draw).causes["encoder"].estimate
                for draw in range(DRAWS)
            ]
        )
        for seeds in (2, 3, 4, 8)
    ]

    # Half of the prompts are lost and wrong half of the time, the others a tenth: .5 / .6 = .83.
    np.testing.assert_allclose(means, 0.83, atol=0.03)


def test_an_exact_tie_rarely_names_anybody() -> None:
    """Each failing prompt is lost or held with equal probability; nominal is one in twenty."""
    rng = np.random.default_rng(3)
    culprits = Counter(
        shares_of(rng.random(60) < 0.5, np.zeros(60), seeds=2, draw=draw).culprit
        for draw in range(100)
    )

    assert culprits["unclear"] >= 90


def test_seven_to_three_among_a_hundred_failing_prompts_names_the_first() -> None:
    rng = np.random.default_rng(4)
    culprits = Counter(
        shares_of(rng.random(100) < 0.7, np.zeros(100), seeds=4, draw=draw).culprit
        for draw in range(40)
    )

    assert culprits["encoder"] >= 36


def test_shares_sum_to_one_and_count_wrong_images() -> None:
    rng = np.random.default_rng(2)
    attribution = planted(rng.random(100) < 0.5, rng.uniform(size=100), seeds=4, rng=rng)
    shares = attribution_shares(attribution, np.arange(100) // 2, rng=rng)

    assert sum(share.estimate for share in shares.causes.values()) == pytest.approx(1)
    assert {share.n for share in shares.causes.values()} == {int(attribution.wrong.sum())}
    assert shares.of == "images" and shares.failing_prompts == attribution.failing.sum()


def test_no_interval_has_zero_width() -> None:
    shares = shares_of(lost_in(0), np.zeros(N), seeds=4, draw=0)
    intervals = [*shares.causes.values(), shares.failure_rate, shares.lead]

    assert all(each.lower < each.upper for each in intervals)
    # All of 200 compositions fall to one cause: the other end is Clopper and Pearson's.
    assert shares.causes["encoder"].upper == pytest.approx(1 - 0.025 ** (1 / N), abs=1e-3)


def test_a_single_failing_composition_says_nothing_of_the_shares() -> None:
    rate = np.ones(N)
    rate[0] = 0
    shares = shares_of(lost_in(0), rate, seeds=4, draw=0)

    assert {(each.lower, each.upper) for each in shares.causes.values()} == {(0.0, 1.0)}


@settings(max_examples=20, deadline=None)
@given(st.permutations(range(12)))
def test_shares_do_not_depend_on_the_order_of_the_prompts(order: list[int]) -> None:
    rng = np.random.default_rng(5)
    lost, names = rng.random(12) < 0.5, np.array([f"c{index}" for index in range(12)])
    success = (rng.random((12, 4)) < 0.5).astype(float)

    def shares(rows: list[int]) -> AttributionShares:
        readings = decoded(lost, np.random.default_rng(0))
        slot = type(readings)(readings.probability[rows], readings.error[rows], readings.threshold)
        told = attribute(success[rows], {"relation": [True] * 12}, {"relation": slot})
        return attribution_shares(told, names[rows], rng=np.random.default_rng(0), resamples=50)

    own, moved = shares(list(range(12))), shares(order)
    for name, share in own.causes.items():
        assert moved.causes[name].estimate == pytest.approx(share.estimate, abs=1e-9)
        assert moved.causes[name].lower == pytest.approx(share.lower, abs=1e-9)
        assert moved.causes[name].upper == pytest.approx(share.upper, abs=1e-9)


def test_without_a_wrong_image_shares_are_undefined_and_failures_few() -> None:
    told = attribute([[1, 1]] * 3, {"relation": [True] * 3}, {})
    shares = attribution_shares(told, np.arange(3), rng=np.random.default_rng(0))

    assert not any(share.is_defined for share in shares.causes.values())
    assert shares.culprit == "few failures"


CLEAR: dict[Cause, Interval] = {
    "encoder": Interval(1.0, 0.6, 1.0, 9),
    "denoiser": Interval(0.0, 0.0, 0.4, 9),
    "chance": Interval(0.0, 0.0, 0.4, 9),
    "unclear": Interval(0.0, 0.0, 0.4, 9),
}
LEAD = Interval(1.0, 0.2, 1.0, 9)


@pytest.mark.parametrize(("failing", "expected"), [(5, "unclear"), (6, "encoder")])
def test_a_culprit_needs_six_failing_compositions(failing: int, expected: str) -> None:
    name, reason = culprit(CLEAR, LEAD, Interval(0.2, 0.05, 0.5, 10), failing=failing)

    assert name == expected
    assert bool(reason) == (expected == "unclear")


def test_a_lead_that_reaches_zero_names_nobody() -> None:
    lead = Interval(0.3, 0.0, 0.6, 9)

    assert culprit(CLEAR, lead, Interval(0.2, 0.05, 0.5, 10), failing=9)[0] == "unclear"


def test_no_judged_image_names_no_culprit() -> None:
    nothing = dict.fromkeys(CLEAR, undefined())

    assert culprit(nothing, undefined(), undefined(), failing=0)[0] == "unclear"
