"""The odds of a right image by decodability, with what else makes a prompt hard held fixed."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from t2i_audit.analysis.shared_content import SharedContent
from t2i_audit.results.association import OddsRatio
from t2i_audit.results.interval import Interval, undefined

if TYPE_CHECKING:
    from statsmodels.genmod.generalized_linear_model import GLMResults

    from prompts.structure import Prompt

FloatArray = NDArray[np.float64]

# Each coefficient needs about ten of the rarer outcome (Peduzzi and others 1996, Journal of
# Clinical Epidemiology 49, p. 1373).
OUTCOMES_A_COEFFICIENT = 10
# A logit of which a standard deviation moves the odds more than e^8 times is at no maximum.
STEEPEST = 8.0
# A column of which so little is left beside the others follows from them.
LEAST_LEFT = 1e-3


def difficulties(prompts: Sequence[Prompt]) -> dict[str, FloatArray]:
    """What may make prompts hard whatever a model decodes, by name, each ``(n,)``.

    The number of words, and the mean frequency of the values that the prompt names, on Zipf's scale
    (van Heuven and others 2014, Quarterly Journal of Experimental Psychology 67, p. 1176) as given
    by the library ``wordfreq``.
    """
    from wordfreq import zipf_frequency

    def frequency(prompt: Prompt) -> float:
        figures = [zipf_frequency(part.value, "en") for part in prompt.constituents]
        return float(np.mean(figures)) if figures else math.nan

    return {
        "words": np.array([len(prompt.text.split()) for prompt in prompts], dtype=float),
        "word frequency": np.array([frequency(prompt) for prompt in prompts]),
    }


def odds_ratio(
    decodability: ArrayLike,
    failures: ArrayLike,
    successes: ArrayLike,
    types: ArrayLike,
    others: Mapping[str, ArrayLike],
    content: SharedContent,
    *,
    level: float = 0.95,
) -> OddsRatio:
    """Fit a logistic regression over images, without and with `others` and the prompt type.

    Decodability enters by its normal scores, the quantiles of the normal distribution at its ranks
    (van der Waerden 1952): most probabilities lie close to 1, and a few far below would decide.

    The variance allows prompts that share a composition or a pair of values to be alike (the
    sandwich of Aronow, Samii and Assenova 2015, Political Analysis 23, p. 564), with Student's t at
    one degree of freedom less than there are pairs.

    Args:
        decodability: of `n` prompts, ``(n,)``.
        failures, successes: images of each, ``(n,)``.
        types: prompt types, ``(n,)``.
        others: by name what is held fixed, each ``(n,)``; NaN counts as the mean.
        content: of the same prompts.
        level: coverage of the intervals.
    """
    x, failed = np.asarray(decodability, float), np.asarray(failures, float)
    right, labels = np.asarray(successes, float), np.asarray(types, dtype=str)
    images = int(failed.sum() + right.sum())
    columns = [_normal_scores(x)]
    names: list[str] = []
    for name, values in others.items():
        column = _standardised(np.asarray(values, float))
        if _adds(column, columns):
            columns.append(column)
            names.append(name)
    dummies = [(labels == label).astype(float) for label in np.unique(labels)[1:]]
    added = [each for each in map(_standardised, dummies) if _adds(each, columns)]
    if added:
        columns += added
        names.append("prompt type")
    outcomes = np.column_stack([right, failed])
    rarer = int(min(failed.sum(), right.sum()))
    if rarer < OUTCOMES_A_COEFFICIENT * (1 + len(columns)):
        needed = OUTCOMES_A_COEFFICIENT * (1 + len(columns))
        reason = (
            f"a regression with {len(columns)} predictors needs {needed} wrong and {needed} right "
            f"images, and there are {int(failed.sum())} and {int(right.sum())}"
        )
        return OddsRatio(undefined(images), undefined(images), tuple(names), reason)
    raw, reason = _fit(outcomes, columns[:1], content, images, level)
    adjusted, other_reason = _fit(outcomes, columns, content, images, level)
    return OddsRatio(raw, adjusted, tuple(names), reason or other_reason)


def _normal_scores(values: FloatArray) -> FloatArray:
    from scipy import stats

    return _standardised(stats.norm.ppf((stats.rankdata(values) - 0.5) / len(values)))


def _standardised(values: FloatArray) -> FloatArray:
    known = np.where(
        np.isnan(values), np.nanmean(values) if not np.isnan(values).all() else 0, values
    )
    spread = known.std()
    return np.asarray((known - known.mean()) / spread if spread > 0 else np.zeros(len(known)))


def _adds(column: FloatArray, others: Sequence[FloatArray]) -> bool:
    """Whether `column` varies beyond what the others say."""
    if not column.any():
        return False
    table = np.column_stack([np.ones(len(column)), *others])
    left = column - table @ np.linalg.lstsq(table, column, rcond=None)[0]
    return float(np.mean(left**2)) > LEAST_LEFT


def _fit(
    outcomes: FloatArray,
    columns: Sequence[FloatArray],
    content: SharedContent,
    images: int,
    level: float,
) -> tuple[Interval, str]:
    """The odds ratio of the first column, and why there is none."""
    import statsmodels.api as sm
    from scipy import stats
    from statsmodels.tools.sm_exceptions import PerfectSeparationWarning

    design = np.column_stack([*columns, np.ones(len(outcomes))])
    separated = "decodability or what is held fixed separates right images from wrong ones"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", PerfectSeparationWarning)
        try:
            found = sm.GLM(outcomes, design, family=sm.families.Binomial()).fit()
        except PerfectSeparationWarning:
            return undefined(images), separated
    if not found.converged:
        return undefined(images), "the regression did not converge"
    slope = float(found.params[0])
    if np.abs(found.params).max() > STEEPEST:
        return undefined(images), separated
    variance = _variance(found, design, outcomes, content)
    if content.n_pairs < 3 or not variance > 0:
        return undefined(images), "the prompts have fewer than three pairs of values"
    reach = float(stats.t.ppf((1 + level) / 2, content.n_pairs - 1)) * math.sqrt(variance)
    middle, lower, upper = (
        math.exp(min(end, 700.0)) for end in (slope, slope - reach, slope + reach)
    )
    return Interval(middle, lower, upper, images), ""


def _variance(
    found: GLMResults, design: FloatArray, outcomes: FloatArray, content: SharedContent
) -> float:
    """Of the first coefficient, at least as large as if only compositions were alike."""
    trials = outcomes.sum(axis=1)
    fitted = np.asarray(found.fittedvalues)
    scores = design * (outcomes[:, 0] - trials * fitted)[:, None]
    weights = trials * fitted * (1 - fitted)
    bread = np.linalg.inv(design.T @ (design * weights[:, None]))
    own = scores.T @ scores
    composition, alike = own.copy(), own.copy()
    for rows, (same, placed, elsewhere) in content.alike():
        block = scores[rows].T
        composition += block @ (same @ scores)
        alike += block @ ((same | placed | elsewhere) @ scores)
    variances = [float((bread @ meat @ bread)[0, 0]) for meat in (own, composition, alike)]
    return max(variances)
