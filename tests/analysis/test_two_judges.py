"""How far two judges agree."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import cohen_kappa_score

from t2i_audit.analysis.two_judges import agreement, cohens_kappa

VERDICTS = st.lists(
    st.tuples(st.sampled_from([0.0, 1.0, math.nan]), st.sampled_from([0.0, 1.0, math.nan])),
    min_size=2, max_size=40,
)  # fmt: skip


@given(pairs=VERDICTS)
def test_kappa_is_that_of_scikit_learn(pairs: list[tuple[float, float]]) -> None:
    one, other = np.array(pairs).T
    both = ~(np.isnan(one) | np.isnan(other))

    same, kappa = agreement(
        one[:, None], other[:, None], np.arange(len(pairs))
    )  # fmt: skip

    assert same.n == kappa.n
    if not both.any():
        assert not same.is_defined and not kappa.is_defined
        return
    assert same.n == both.sum()
    assert same.estimate == pytest.approx((one[both] == other[both]).mean())
    if min(len({*one[both]}), len({*other[both]})) < 2:
        assert not kappa.is_defined
    else:
        expected = cohen_kappa_score(one[both], other[both])
        assert kappa.estimate == pytest.approx(expected)


def test_kappa_of_a_table_worked_by_hand() -> None:
    # 20 both wrong, 5 only the second right, 10 only the first, 15 both: p = 35 / 50, and by
    # chance (25 * 20 + 25 * 30) / 50 ** 2 = .5, so kappa = (.7 - .5) / (1 - .5).
    assert cohens_kappa(np.array([20, 5, 10, 15])) == pytest.approx(0.4)


def test_the_interval_is_over_compositions_and_not_over_images() -> None:
    rng = np.random.default_rng(1)
    one = np.repeat(rng.integers(0, 2, size=(12, 1)).astype(float), 8, axis=1)
    other = np.repeat(rng.integers(0, 2, size=(12, 1)).astype(float), 8, axis=1)

    by_prompt, _ = agreement(one, other, np.arange(12))
    flat = one.reshape(-1, 1), other.reshape(-1, 1)
    by_image, _ = agreement(*flat, np.arange(96))

    assert by_prompt.estimate == by_image.estimate
    assert by_prompt.upper - by_prompt.lower > 2 * (by_image.upper - by_image.lower)


@given(pairs=VERDICTS)
def test_kappa_s_interval_holds_it_and_has_a_width(pairs: list[tuple[float, float]]) -> None:
    one, other = np.array(pairs).T
    _, kappa = agreement(one[:, None], other[:, None], np.arange(len(pairs)))

    if not math.isnan(kappa.lower):
        assert kappa.lower <= kappa.estimate <= kappa.upper
        assert kappa.lower < kappa.upper


def test_judges_who_always_agree_have_a_kappa_of_1_with_a_lower_end() -> None:
    """The bootstrap over compositions gave 1.00 [1.00, 1.00]."""
    verdicts = np.tile([[1.0], [0.0]], (15, 1))
    same, kappa = agreement(verdicts, verdicts, np.arange(30))

    assert kappa.estimate == 1 == kappa.upper
    # Of 30 trials at chance one half: 1 - (1 - lower) / .5.
    assert kappa.lower == pytest.approx(1 - 2 * (1 - same.lower))


def test_kappa_s_interval_holds_the_truth_about_as_often_as_it_says() -> None:
    # Both judges err in 15% of images by themselves, 40 prompts of 2 images: kappa .49.
    rng = np.random.default_rng(6)
    held = 0
    for _ in range(200):
        truth = np.repeat(rng.random((40, 1)) < 0.5, 2, axis=1)
        first, second = (np.where(rng.random((40, 2)) < 0.15, ~truth, truth) * 1.0 for _ in "ab")
        _, kappa = agreement(first, second, np.arange(40))
        held += kappa.lower <= 0.49 <= kappa.upper

    assert 182 <= held <= 198
