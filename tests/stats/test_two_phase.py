"""Rates from verdicts on all items and labels on some."""

from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm

from t2i_audit.analysis.correction import prediction_powered
from t2i_audit.stats.two_phase import TwoPhase, linearised, rate, ratio

DRAWS = 400


def drawn(
    rng: np.random.Generator,
    *,
    right: float = 0.5,
    sensitivity: float = 0.84,
    specificity: float = 0.80,
    prompts: int = 300,
    labels: int = 150,
    stratified: bool = True,
) -> TwoPhase:
    """Two images a prompt, alike in truth and in the judge's errors, of which some are labelled."""
    # A beta distribution whose sum of parameters is 1 has an intraclass correlation of one half.
    own = rng.beta(right, 1 - right, size=(prompts, 1))
    truth = (rng.random((prompts, 2)) < own).ravel()
    shared = rng.random((prompts, 2)) < 0.3
    luck = np.where(shared, rng.random((prompts, 1)), rng.random((prompts, 2))).ravel()
    verdict = np.where(truth, luck < sensitivity, luck >= specificity)
    known, weight = np.full(len(truth), np.nan), np.ones(len(truth))
    groups = [verdict, ~verdict] if stratified else [np.ones_like(verdict)]
    for group in groups:
        rows = np.flatnonzero(group)
        chosen = rng.choice(rows, min(len(rows), labels // len(groups)), replace=False)
        known[chosen] = truth[chosen]
        weight[chosen] = len(rows) / len(chosen)
    return TwoPhase.of(verdict, known, verdict, np.repeat(np.arange(prompts), 2), weight)


@pytest.mark.parametrize(
    ("right", "sensitivity", "specificity"),
    [(0.5, 0.84, 0.80), (0.2, 0.84, 0.80), (0.5, 0.97, 0.97), (0.9, 0.94, 0.40)],
)
@pytest.mark.parametrize("stratified", [True, False])
def test_both_intervals_cover_the_truth_where_the_judges_own_does_not(
    right: float, sensitivity: float, specificity: float, stratified: bool
) -> None:
    rng = np.random.default_rng(0)
    samples = [
        drawn(
            rng,
            right=right,
            sensitivity=sensitivity,
            specificity=specificity,
            stratified=stratified,
        )
        for _ in range(DRAWS)
    ]

    for interval in (rate, lambda sample: prediction_powered(sample, sample.verdict)):
        covered = [found.lower <= right <= found.upper for found in map(interval, samples)]
        # Goal .93 to .98; one standard error over the draws is .011.
        assert 0.93 <= np.mean(covered) <= 0.985
    estimates = [rate(sample).estimate for sample in samples]
    assert np.mean(estimates) == pytest.approx(right, abs=0.01)


def test_a_judge_with_errors_is_off_by_more_than_its_interval() -> None:
    rng = np.random.default_rng(0)
    samples = [drawn(rng, right=0.2) for _ in range(100)]

    judged = [sample.verdict.mean() for sample in samples]

    # .2 x .84 + .8 x .2
    assert np.mean(judged) == pytest.approx(0.328, abs=0.01)


def test_a_rate_weights_each_stratum_by_its_images_and_each_label_by_its_weight() -> None:
    # Accepted: 6 items, labels right (weight 2) and wrong (1), so 2/3. Rejected: 2 items, right 0.
    verdict = [1, 1, 1, 1, 1, 1, 0, 0]
    truth = [1, 0, np.nan, np.nan, np.nan, np.nan, 0, 0]
    sample = TwoPhase.of(verdict, truth, verdict, range(8), [2, 1, 9, 9, 9, 9, 1, 1])

    assert rate(sample).estimate == pytest.approx(6 / 8 * 2 / 3)
    assert rate(sample).n == 4


def test_with_all_labelled_the_variance_is_that_of_cluster_robust_regression() -> None:
    rng = np.random.default_rng(1)
    cluster = rng.integers(30, size=90)
    truth = (rng.random(90) < rng.random(30)[cluster]).astype(float)
    verdict = (rng.random(90) < 0.5).astype(float)
    sample = TwoPhase.of(verdict, truth, verdict, cluster)

    estimate, variance = linearised(sample, lambda y, f: y, lambda y, f: np.ones_like(y))

    fitted = sm.OLS(truth, np.ones(90)).fit(cov_type="cluster", cov_kwds={"groups": cluster})
    assert estimate == pytest.approx(fitted.params[0])
    assert variance == pytest.approx(fitted.bse[0] ** 2)


def test_prediction_powered_inference_with_verdicts_alone_is_the_two_phase_rate() -> None:
    sample = drawn(np.random.default_rng(2), stratified=False)

    # Regression on one zero-one variable is stratification by it (Cochran 1977, section 7.3).
    assert prediction_powered(sample, sample.verdict).estimate == pytest.approx(
        rate(sample).estimate
    )


def test_equal_labels_of_a_stratum_do_not_prove_that_the_rest_is_equal() -> None:
    verdict = [1] * 60 + [0] * 60
    few = [1] * 5 + [np.nan] * 55 + [0, 1] * 30
    all_ = [1] * 60 + [0, 1] * 30

    widths = [
        found.upper - found.lower
        for truth in (few, all_)
        for found in [rate(TwoPhase.of(verdict, truth, verdict, range(120)))]
    ]

    assert widths[0] > 1.3 * widths[1]


def test_a_part_without_items_has_no_share() -> None:
    sample = TwoPhase.of([1, 0], [1, 1], [1, 0], [0, 1])

    specificity = ratio(sample, lambda y, f: (1 - y) * (1 - f), lambda y, f: 1 - y)

    assert not specificity.is_defined
    assert specificity.n == 0


def test_a_stratum_needs_labels_and_one_verdict() -> None:
    with pytest.raises(ValueError, match="without a label"):
        TwoPhase.of([1, 0], [1, np.nan], [1, 0], [0, 1])
    with pytest.raises(ValueError, match="one verdict"):
        TwoPhase.of([1, 0], [1, 0], [1, 1], [0, 1])
