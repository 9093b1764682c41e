"""Penalised logistic regression on counts of wrong and right images, with an interval of each risk.

The fit is scikit-learn's. Its interval is the Bayesian one of a penalised generalised linear model
(Wood 2017, Generalized Additive Models, section 6.10): the penalty is a normal prior, so that what
the run never showed has the prior's whole width.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

FloatArray = NDArray[np.float64]

WIDTH = 1.959963984540054  # of a 95% interval, in standard errors
# Newton's steps take time with the cube of the columns.
MOST_FOR_NEWTON = 100


@dataclass(frozen=True, eq=False)
class Risks:
    """Risks with 95% intervals; each array is ``(n,)``."""

    estimate: FloatArray
    lower: FloatArray
    upper: FloatArray


@dataclass(frozen=True, eq=False)
class RiskModel:
    """A fitted model; made by `fit_risk`."""

    intercept: float
    coefficients: FloatArray
    """``(p,)``."""
    covariance: FloatArray
    """``(p + 1, p + 1)`` of the intercept and the coefficients, in that order."""

    def risks(self, x: FloatArray) -> Risks:
        """The risk of each row of `x`, ``(n, p)``, with its interval."""
        centre = self.intercept + x @ self.coefficients
        rows = np.column_stack([np.ones(len(x)), x])
        error = WIDTH * np.sqrt(np.einsum("np,pq,nq->n", rows, self.covariance, rows))
        return Risks(expit(centre), expit(centre - error), expit(centre + error))


def fit_risk(x: FloatArray, wrong: FloatArray, right: FloatArray, *, strength: float) -> RiskModel:
    """Fit the risk that an image is wrong.

    Args:
        x: ``(n, p)`` what is known of each item.
        wrong: ``(n,)`` its wrong images.
        right: ``(n,)`` its right ones; there is at least one wrong and one right image.
        strength: variance of the normal prior of every coefficient, scikit-learn's `C`.
    """
    intercept, coefficients = _fit(x, wrong, right, strength)
    risk = expit(intercept + x @ coefficients)
    rows = np.column_stack([np.ones(len(x)), x])
    information = (rows * ((wrong + right) * risk * (1 - risk))[:, None]).T @ rows
    prior = np.diag([0.0, *np.full(x.shape[1], 1 / strength)])
    inverse = np.linalg.inv(information + prior)
    freedom = float(np.trace(inverse @ information))
    return RiskModel(
        intercept, coefficients, dispersion(risk, wrong, right, freedom=freedom) * inverse
    )


def fitted_risks(
    x: FloatArray, wrong: FloatArray, right: FloatArray, new: FloatArray, *, strength: float
) -> FloatArray:
    """The risk of each row of `new`, ``(m, p)``, by a model as `fit_risk` makes it; ``(m,)``.

    Where all images came out alike it is the same for every row: their share with half an image
    added to either side (Jeffreys' prior).
    """
    if not wrong.any() or not right.any():
        share = (wrong.sum() + 0.5) / ((wrong + right).sum() + 1)
        return np.full(len(new), share)
    intercept, coefficients = _fit(x, wrong, right, strength)
    return np.asarray(expit(intercept + new @ coefficients))


def _fit(
    x: FloatArray, wrong: FloatArray, right: FloatArray, strength: float
) -> tuple[float, FloatArray]:
    from sklearn.linear_model import LogisticRegression

    rows = np.concatenate([x[wrong > 0], x[right > 0]])
    counts = np.concatenate([wrong[wrong > 0], right[right > 0]])
    failed = np.repeat([1, 0], [(wrong > 0).sum(), (right > 0).sum()])
    solver = "newton-cholesky" if x.shape[1] <= MOST_FOR_NEWTON else "lbfgs"
    model = LogisticRegression(C=strength, solver=solver, tol=1e-6, max_iter=1000)
    model.fit(rows, failed, counts)
    return float(model.intercept_[0]), np.asarray(model.coef_[0], dtype=np.float64)


def dispersion(risk: FloatArray, wrong: FloatArray, right: FloatArray, *, freedom: float) -> float:
    """How much more the counts vary than those of independent images, at least 1.

    Pearson's chi-squared per degree of freedom (McCullagh and Nelder 1989, section 4.5): images of
    one prompt may fail together.

    Args:
        risk: ``(n,)`` of each item.
        wrong: ``(n,)`` its wrong images.
        right: ``(n,)`` its right ones.
        freedom: how many degrees of freedom the risks were fitted with.
    """
    images = wrong + right
    judged = images > 0
    left = judged.sum() - freedom
    if left < 1:
        return 1.0
    expected = (images * risk)[judged]
    spread = expected * (1 - risk[judged])
    return max(1.0, float(((wrong[judged] - expected) ** 2 / spread).sum() / left))
