"""The odds of a right image by decodability, with other things held fixed."""

from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm
from scipy import stats

from prompts.suite import load_suite
from t2i_audit.analysis.adjusted import difficulties, odds_ratio
from t2i_audit.analysis.shared_content import SharedContent

PROMPTS = tuple(load_suite("world-relations").prompts)
CONTENT = SharedContent.of(PROMPTS)
N = len(PROMPTS)


def scores(values: np.ndarray) -> np.ndarray:
    normal = stats.norm.ppf((stats.rankdata(values) - 0.5) / len(values))
    return np.asarray((normal - normal.mean()) / normal.std())


def drawn(logits: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    right = rng.binomial(2, 1 / (1 + np.exp(-logits))).astype(float)
    return 2 - right, right


def test_it_is_the_logistic_regression_over_single_images() -> None:
    rng = np.random.default_rng(0)
    decodability, length = rng.uniform(size=N), rng.integers(5, 12, N).astype(float)
    failures, successes = drawn(scores(decodability) - 0.2 * (length - 8), rng)
    found = odds_ratio(decodability, failures, successes, ["t"] * N, {"words": length}, CONTENT)

    columns = np.column_stack(
        [scores(decodability), (length - length.mean()) / length.std(), np.ones(N)]
    )
    images = np.concatenate(
        [
            np.repeat(columns, failures.astype(int), axis=0),
            np.repeat(columns, successes.astype(int), axis=0),
        ]
    )
    outcome = np.repeat([0, 1], [int(failures.sum()), int(successes.sum())])
    reference = sm.Logit(outcome, images).fit(disp=0)

    assert found.adjusted.estimate == pytest.approx(np.exp(reference.params[0]), rel=1e-5)
    assert found.held_fixed == ("words",)
    # Pairs have no effect here, so the interval is about as wide as for independent images.
    width = np.log(found.adjusted.upper / found.adjusted.lower)
    plain = 2 * 1.96 * reference.bse[0]
    assert plain * 0.9 <= width <= plain * 1.8


def test_what_is_explained_by_length_is_no_longer_there_when_length_is_held_fixed() -> None:
    rng = np.random.default_rng(1)
    length = rng.integers(4, 20, N).astype(float)
    decodability = -length + rng.normal(0, 3, N)
    failures, successes = drawn(-(length - length.mean()) / 3, rng)
    found = odds_ratio(decodability, failures, successes, ["t"] * N, {"words": length}, CONTENT)

    assert found.raw.lower > 2
    assert found.adjusted.lower < 1 < found.adjusted.upper


def test_what_does_not_vary_or_follows_from_the_rest_is_not_held_fixed() -> None:
    rng = np.random.default_rng(2)
    decodability, length = rng.uniform(size=N), rng.integers(5, 12, N).astype(float)
    others = {"tokens": length + 2, "words": length, "word frequency": np.full(N, 4.0)}
    found = odds_ratio(decodability, *drawn(np.zeros(N), rng), ["t"] * N, others, CONTENT)

    assert found.held_fixed == ("tokens",)


def test_separation_is_refused_with_its_reason() -> None:
    decodability = np.linspace(0, 1, N)
    right = np.where(decodability > 0.5, 2.0, 0.0)
    found = odds_ratio(decodability, 2 - right, right, ["t"] * N, {}, CONTENT)

    assert not found.raw.is_defined and not found.adjusted.is_defined
    assert "separates right images from wrong ones" in found.reason


def test_few_wrong_images_are_refused_with_their_number() -> None:
    right = np.full(N, 2.0)
    right[:5] = 1
    found = odds_ratio(np.linspace(0, 1, N), 2 - right, right, ["t"] * N, {}, CONTENT)

    assert found.reason == (
        "a regression with 1 predictors needs 20 wrong and 20 right images, and there are 5 and 955"
    )


def test_the_frequency_of_a_prompt_is_that_of_its_values() -> None:
    known = difficulties(PROMPTS)

    assert known["words"][0] == len(PROMPTS[0].text.split())
    assert 2 < known["word frequency"].min() < known["word frequency"].max() < 7
