"""What a suite is said to show is what simulated audits of it do show."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.optimize import brentq
from scipy.special import expit

from prompts.structure import Prompt
from prompts.suite import load_suite
from prompts.world import Content, write
from t2i_audit.analysis.planning import association_plan, group_plan
from t2i_audit.analysis.success import success_rates
from t2i_audit.stats.shares import clustered_share, difference

NODES, WEIGHTS = np.polynomial.hermite_e.hermegauss(61)
WEIGHTS = WEIGHTS / WEIGHTS.sum()
REPEATABILITY, SPREAD = 0.3, 0.5


def logits(rate: float, repeatability: float) -> tuple[float, float]:
    """Mean and standard deviation of normal log odds with this mean rate and correlation."""

    def mean_of(deviation: float) -> float:
        return float(brentq(lambda m: WEIGHTS @ expit(m + deviation * NODES) - rate, -100, 100))

    def excess(deviation: float) -> float:
        rates = expit(mean_of(deviation) + deviation * NODES)
        return float(WEIGHTS @ rates**2 - rate**2 - repeatability * rate * (1 - rate))

    deviation = float(brentq(excess, 1e-6, 8))
    return mean_of(deviation), deviation


def simulated(
    prompts: Sequence[Prompt], rate: float, *, seeds: int, rng: np.random.Generator
) -> np.ndarray:
    """Success of an audit, `(n, seeds)`: effects of pairs and of compositions in log odds."""
    mean, deviation = logits(rate, REPEATABILITY)
    effect = {pair: rng.normal(0, SPREAD) for p in prompts for pair in sorted(p.pairs)}
    own = {prompt.composition: rng.normal() for prompt in prompts}
    odds = [
        mean
        + sum(effect[pair] for pair in prompt.pairs)
        + own[prompt.composition] * math.sqrt(deviation**2 - len(prompt.pairs) * SPREAD**2)
        for prompt in prompts
    ]
    return (rng.random((len(prompts), seeds)) < expit(odds)[:, None]).astype(float)


@pytest.mark.parametrize(("suite", "seeds"), [("world-relations", 2), ("smoke", 4)])
def test_half_widths_are_those_of_simulated_audits(suite: str, seeds: int) -> None:
    prompts = load_suite(suite).prompts
    plan = group_plan(prompts, seeds=seeds, repeatability=REPEATABILITY, spread=SPREAD)
    rng = np.random.default_rng(0)
    for expected in plan.rates:
        same, general = [], []
        for _ in range(25):
            rates = success_rates(
                simulated(prompts, expected.rate, seeds=seeds, rng=rng),
                [prompt.composition for prompt in prompts],
                types=[prompt.type for prompt in prompts],
                splits=[prompt.split for prompt in prompts],
                pairs=[prompt.pairs for prompt in prompts],
            )
            assert rates.pairs is not None
            same.append((rates.overall.upper - rates.overall.lower) / 2)
            general.append((rates.pairs.overall.upper - rates.pairs.overall.lower) / 2)

        assert np.mean(same) == pytest.approx(expected.half_width, rel=0.15)
        assert np.mean(general) == pytest.approx(expected.half_width_in_general, rel=0.15)


def test_the_smallest_drop_is_found_in_four_of_five_simulated_pairs_of_models() -> None:
    count, seeds, rng = 120, 3, np.random.default_rng(1)
    prompts = load_suite("world-relations").limited(count).prompts
    owners = np.repeat([prompt.composition for prompt in prompts], seeds)
    (_, middle, _) = group_plan(prompts, seeds=seeds, repeatability=0.0, spread=0.0).rates

    def model(rate: float) -> np.ndarray:
        return (rng.random(count * seeds) < rate).astype(float)

    told = [
        difference(
            clustered_share(model(middle.rate), owners),
            clustered_share(model(middle.rate - middle.smallest_drop), owners),
        ).lower
        > 0
        for _ in range(300)
    ]

    assert np.mean(told) == pytest.approx(0.8, abs=0.1)


def test_the_smallest_auroc_is_found_by_mann_and_whitneys_test_in_four_of_five() -> None:
    count, rng = 300, np.random.default_rng(2)
    # One image of each of 300 compositions, so that the images are independent.
    prompts = load_suite("relations").limited(count).prompts
    (even, _, _) = association_plan(prompts, seeds=1, repeatability=0.3, spread=0.0)
    # Two normal distributions so far apart have this AUROC: P(x > y) = phi(d / sqrt 2).
    apart = stats.norm.ppf(even.smallest_auroc) * math.sqrt(2)
    found = []
    for _ in range(300):
        right = rng.random(count) < even.rate
        decodability = rng.normal(size=count) + apart * right
        found.append(stats.mannwhitneyu(decodability[right], decodability[~right]).pvalue < 0.05)

    assert np.mean(found) == pytest.approx(0.8, abs=0.08)


def test_of_independent_images_the_half_width_is_the_textbooks() -> None:
    prompts = load_suite("relations").limited(400).prompts
    (even, _, _) = group_plan(prompts, seeds=1, repeatability=0.3, spread=0.0).rates

    # 1.96 sqrt(.25 / 400) = .049; the interval is symmetric in log odds, so a little narrower.
    assert even.half_width == pytest.approx(1.96 * math.sqrt(0.25 / 400), rel=0.02)
    # Pairs are fewer than compositions, so that theirs has fewer degrees of freedom.
    assert even.half_width_in_general == pytest.approx(even.half_width, rel=0.02)


@settings(deadline=None, max_examples=20)
@given(seeds=st.integers(1, 16), repeatability=st.floats(0, 1), spread=st.floats(0, 3))
def test_more_seeds_never_widen_and_more_spread_never_narrows(
    seeds: int, repeatability: float, spread: float
) -> None:
    prompts = load_suite("world-smoke").prompts

    def widths(seeds: int, spread: float) -> tuple[float, float]:
        (even, _, _) = group_plan(
            prompts, seeds=seeds, repeatability=repeatability, spread=spread
        ).rates
        return even.half_width, even.half_width_in_general

    same, general = widths(seeds, spread)
    assert widths(seeds + 1, spread) <= (same + 1e-12, general + 1e-12)
    assert widths(seeds, spread + 1)[1] >= general - 1e-12
    assert same <= general


def test_seeds_add_nothing_where_all_images_of_a_prompt_come_out_alike() -> None:
    prompts = load_suite("smoke").prompts
    one, many = (
        group_plan(prompts, seeds=seeds, repeatability=1.0, spread=0.0).rates[0].half_width
        for seeds in (1, 50)
    )

    assert many == pytest.approx(one)


def test_too_few_pairs_say_nothing_of_pairs_in_general() -> None:
    prompts = [write(Content(((colour, "star"),))) for colour in ("red", "blue", "green")]

    assert math.isnan(
        group_plan(prompts, seeds=4, repeatability=0.3, spread=0.5).rates[0].half_width_in_general
    )


def test_too_few_failing_compositions_show_no_association() -> None:
    prompts = load_suite("world-smoke").limited(20).prompts
    rare = association_plan(prompts, seeds=1, repeatability=0.3, spread=0.5)[-1]

    assert rare.rate == 0.95  # of 20 prompts one fails
    assert math.isnan(rare.smallest_auroc) and math.isnan(rare.smallest_auroc_in_general)
