"""Forecasts against risks that are known because they were planted, and against statsmodels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit

from prompts.structure import Prompt
from prompts.suite import load_suite
from prompts.world import Content, write
from t2i_audit.analysis.forecast.foresee import Foreseen, JudgedRun, foresee_prompts
from t2i_audit.analysis.forecast.known import Columns, KnownPrompt
from t2i_audit.analysis.forecast.limits import why_not
from t2i_audit.analysis.forecast.logistic import dispersion, fit_risk, fitted_risks
from t2i_audit.analysis.forecast.outside import RunRange
from t2i_audit.analysis.forecast.tested import STRENGTHS, risks_left_out
from t2i_audit.analysis.forecast.trust import calibration_error, error_by_chance, trust_of
from t2i_audit.analysis.ranks import auroc, levels_of
from t2i_audit.probes.cross_fitted import cross_fit
from t2i_audit.probes.left_out import compositions_of, leave_compositions_out
from t2i_audit.results.interval import Interval
from t2i_audit.results.success import Repeatability

SEEDS = 2
PROMPTS = load_suite("world-relations").prompts
OWN, NEW = PROMPTS[:200], PROMPTS[320:]


def known(prompts: Sequence[Prompt]) -> tuple[KnownPrompt, ...]:
    return tuple(KnownPrompt(each, len(each.text.split())) for each in prompts)


def planted(seed: int, spread: float) -> dict[str, float]:
    """An effect on failure of every value, in logits."""
    keys = sorted({part.key for prompt in PROMPTS for part in prompt.constituents})
    return dict(zip(keys, np.random.default_rng(seed).normal(0, spread, len(keys)), strict=True))


def risks(prompts: Sequence[Prompt], effects: dict[str, float]) -> np.ndarray:
    return np.asarray(
        expit([sum(effects[part.key] for part in prompt.constituents) for prompt in prompts])
    )


def simulated(seed: int, spread: float, prompts: Sequence[Prompt] = OWN) -> JudgedRun:
    rng = np.random.default_rng(seed)
    wrong = rng.binomial(SEEDS, risks(prompts, planted(seed, spread))).astype(float)
    return JudgedRun(known(prompts), wrong, SEEDS - wrong, {}, {})


def foreseen(run: JudgedRun, new: Sequence[Prompt] = NEW) -> Foreseen:
    return foresee_prompts(run, known(new), Columns.of(run.known, known(new)), seed=0)


def test_planted_risks_are_found_calibrated_and_inside_their_intervals() -> None:
    covered, reached, best, errors, chance, told = [], [], [], [], [], []
    for seed in range(4):
        truth = risks(NEW, planted(seed, 0.7))
        found = foreseen(simulated(seed, 0.7))
        assert found.risks is not None
        covered.append(np.mean((found.risks.lower <= truth) & (truth <= found.risks.upper)))
        reached.append(auroc(levels_of(-found.risks.estimate), truth, 1 - truth))
        best.append(auroc(levels_of(-truth), truth, 1 - truth))
        trust = trust_of(found.outcomes)
        told.append(why_not(found, trust, None) == "")
        errors.append(trust.calibration_error.estimate)
        chance.append(trust.calibration_error_by_chance)

    # Over 12 draws of 240 prompts: .957 covered, .777 of the .787 that can be reached, all told.
    assert sum(told) >= 3
    assert 0.85 < np.mean(covered) < 0.99
    assert np.mean(best) - np.mean(reached) < 0.03
    assert np.mean(errors) < 1.5 * np.mean(chance)


def test_pure_chance_is_not_forecast() -> None:
    for seed in range(6):
        found = foreseen(simulated(seed, 0.0, OWN[:100]))
        assert "it is not shown that" in why_not(found, trust_of(found.outcomes), None)


def test_failures_that_do_not_repeat_are_not_forecast_however_well_they_are_told() -> None:
    found = foreseen(simulated(2, 0.7))
    trust = trust_of(found.outcomes)
    surely, hardly = Interval(0.4, 0.2, 0.6, 200), Interval(0.1, 0.0, 0.3, 200)

    assert why_not(found, trust, Repeatability(surely, surely, "")) == ""
    said = why_not(found, trust, Repeatability(hardly, hardly, ""))
    assert said == "it is not sure that failures repeat over seeds (ICC 0.10 [0.00, 0.30])"


@pytest.mark.parametrize(("wrong", "says"), [(0, "every judged image is right"), (2, "is wrong")])
def test_images_that_all_came_out_alike_forecast_nothing_and_have_an_interval(
    wrong: int, says: str
) -> None:
    count = np.full(40, float(wrong))
    found = foreseen(JudgedRun(known(OWN[:40]), count, SEEDS - count, {}, {}))

    assert says in why_not(found, trust_of(found.outcomes), None)
    rate = found.interval(0)
    assert rate.estimate == wrong / SEEDS and rate.upper - rate.lower > 0.05


def test_two_contents_that_fail_forecast_nothing() -> None:
    wrong = np.zeros(40)
    wrong[:2] = SEEDS
    found = foreseen(JudgedRun(known(OWN[:40]), wrong, SEEDS - wrong, {}, {}))

    assert "fewer than 3 compositions" in why_not(found, trust_of(found.outcomes), None)


def test_a_value_that_the_run_never_showed_is_marked_and_widens_the_interval() -> None:
    seen = write(Content((("red", "star"), ("blue", "cross")), "above"))
    colour = replace(seen.constituents[0], value="teal")
    new = replace(seen, id="new", constituents=(colour, *seen.constituents[1:]))
    run = simulated(1, 0.7)

    found = foreseen(run, (seen, new))

    assert found.risks is not None
    narrow, wide = found.risks.upper - found.risks.lower
    assert wide > 1.1 * narrow
    of_run = RunRange.of(run.known)
    assert of_run.outside(known([seen])[0], unit="words") == ()
    assert of_run.outside(known([new])[0], unit="words") == ("colour teal",)


def test_the_range_knows_types_slots_and_lengths() -> None:
    one = [write(Content(((colour, "star"),))) for colour in ("red", "blue")]
    two = write(Content((("red", "star"), ("blue", "star"))))

    marks = RunRange.of(known(one)).outside(known([two])[0], unit="words")

    assert marks == (
        "type two_objects",
        "slot object_2.colour",
        "slot object_2.shape",
        "7 words, not 3 to 3",
    )


def test_without_a_penalty_it_is_the_binomial_model_of_statsmodels() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(80, 3))
    # Twice a prompt's own chance, so that its images fail together.
    chance = expit(x @ [1.0, -0.5, 0.0] + rng.normal(0, 1.0, 80))
    wrong = rng.binomial(6, chance).astype(float)
    model = fit_risk(x, wrong, 6 - wrong, strength=1e8)

    design = sm.add_constant(x)
    theirs = sm.GLM(np.stack([wrong, 6 - wrong], 1), design, sm.families.Binomial())
    fitted = theirs.fit()
    spread = fitted.pearson_chi2 / fitted.df_resid
    np.testing.assert_allclose([model.intercept, *model.coefficients], fitted.params, rtol=1e-4)
    np.testing.assert_allclose(model.covariance, spread * fitted.cov_params(), rtol=1e-4)
    assert spread > 1.3
    assert dispersion(fitted.mu, wrong, 6 - wrong, freedom=4) == pytest.approx(spread)


def test_a_penalty_draws_risks_to_the_overall_rate() -> None:
    run = simulated(0, 0.7)
    x = Columns.of(run.known, ()).of_prompts(run.known)
    spread = [
        np.std(fitted_risks(x, run.wrong, run.right, x, strength=strength))
        for strength in STRENGTHS
    ]

    assert spread == sorted(spread)


def test_no_prompt_has_a_say_in_its_own_forecast() -> None:
    run = simulated(3, 0.7, OWN[:80])
    x = Columns.of(run.known, ()).of_prompts(run.known)
    folds = leave_compositions_out(
        [compositions_of(each.prompt) for each in run.known], groups=6, seed=0
    )
    turned = run.wrong.copy()
    tested = folds[0].test
    turned[tested] = SEEDS - turned[tested]

    first = risks_left_out(x, run.wrong, run.right, folds).risk
    second = risks_left_out(x, turned, SEEDS - turned, folds).risk

    np.testing.assert_allclose(first[tested], second[tested], atol=0.05)
    assert np.abs(first - second).max() > 0.05


@settings(max_examples=30, deadline=None)
@given(
    pairs=st.lists(
        st.frozensets(st.tuples(st.sampled_from("ab"), st.sampled_from("wxyz")), min_size=1),
        min_size=1,
        max_size=12,
    ),
    groups=st.integers(1, 5),
    seed=st.integers(0, 9),
)
def test_every_item_is_tested_once_apart_from_all_that_share_a_composition(
    pairs: list[frozenset[tuple[str, str]]], groups: int, seed: int
) -> None:
    folds = leave_compositions_out(pairs, groups=groups, seed=seed)

    assert sorted(row for fold in folds for row in fold.test) == list(range(len(pairs)))
    for fold in folds:
        for row in fold.test:
            assert all(pairs[row].isdisjoint(pairs[other]) for other in np.flatnonzero(fold.train))
    turned = leave_compositions_out(pairs[::-1], groups=groups, seed=seed)
    last = len(pairs) - 1
    assert {frozenset(fold.test.tolist()) for fold in folds} == {
        frozenset((last - fold.test).tolist()) for fold in turned
    }


def test_a_probe_that_memorises_compositions_reads_new_ones_at_chance() -> None:
    prompts = [write(Content(((c, s),))) for c in COLOURS for s in SHAPES] * 3
    labels = [prompt.constituents[0].value for prompt in prompts]
    pairs = sorted({pair for prompt in prompts for pair in prompt.pairs})
    memory = np.array([[pair in prompt.pairs for pair in pairs] for prompt in prompts], float)
    held = np.array([[label == colour for colour in COLOURS] for label in labels], float)
    noise = np.random.default_rng(0).normal(0, 0.1, memory.shape)
    compositions = [prompt.pairs for prompt in prompts]

    memorised = cross_fit(memory + noise, labels, compositions, seed=0)
    known_by_value = cross_fit(held + noise[:, :4], labels, compositions, seed=0)

    assert memorised.probability.mean() == pytest.approx(1 / len(COLOURS), abs=0.06)
    assert known_by_value.probability.mean() > 0.9
    # The same scale for new rows: the temperature is that of what was left out.
    assert memorised.probe.inverse_temperature < known_by_value.probe.inverse_temperature
    assert np.isnan(known_by_value.probability_of(held[:1], ["teal"])).all()


COLOURS = ("red", "green", "blue", "yellow")
SHAPES = ("circle", "square", "triangle", "diamond", "cross", "star")


def test_the_calibration_error_of_exact_risks_is_that_of_chance() -> None:
    rng = np.random.default_rng(0)
    risk = rng.uniform(0.05, 0.95, 300)
    errors = []
    for _ in range(200):
        wrong = rng.binomial(SEEDS, risk).astype(float)
        errors.append(calibration_error(risk, wrong, SEEDS - wrong))

    expected = error_by_chance(risk, wrong, SEEDS - wrong)
    assert expected == pytest.approx(np.mean(errors), rel=0.1)
