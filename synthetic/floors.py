"""The additive floor: what can be had by adding up, without composing.

Lippl and Stachenfeld (arXiv 2405.16391) show that a kernel model with a compositionally structured
kernel can only add up values that it assigned, in training, to conjunctions of components. Here the
components are the modules of a task, a conjunction is a set of modules that are active together,
and the value of one may depend on the input and on how strongly its modules are active:

    f(x, z) = sum over sets S of active modules of f_S(x, z_S)

Such functions are the span of the kernel

    k((x, z), (x', z')) = k_x(x, x') * sum_S prod_{m in S} [m active in both] k_z(z_m, z'_m)

with S over all sets of at most K modules, the empty one included; the sum is made of elementary
symmetric polynomials. A set that no training task holds adds nothing to a prediction. `k_x` is the
kernel of an infinitely wide ReLU layer (Cho and Saul 2009, degree 1), `k_z` Gaussian. Ridge
regression is fitted to tasks of the student's own trained compositions, its regularisation chosen
on further tasks of the same compositions. A student composes only where it does better.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import cho_factor, cho_solve

# Tasks and samples a task that the regression is fitted to, and that it is tested on.
FIT_TASKS, FIT_SAMPLES = 640, 2
TEST_TASKS, TEST_SAMPLES = 128, 16
REGULARISATIONS = (1e-4, 1e-3, 1e-2, 1e-1)
CODE_LENGTH = 0.25  # of the Gaussian kernel, in units of a code's entry, which is 0.5 to 1


@dataclass(frozen=True, eq=False)
class Points:
    """Single samples with their tasks."""

    inputs: np.ndarray
    """``(n, input_size)``."""
    codes: np.ndarray
    """``(n, modules)``."""
    targets: np.ndarray
    """``(n, output_size)``."""


def additive_predictions(fit: Points, choose_on: Points, test: Points, *, order: int) -> np.ndarray:
    """Fit the conjunction-wise additive regression and predict `test`, ``(n, output_size)``.

    Args:
        fit: what it is fitted to.
        choose_on: what its regularisation is chosen on, of the same distribution as `fit`.
        test: what it predicts.
        order: the most modules in a conjunction, K.
    """
    centre = fit.targets.mean(axis=0)
    gram = additive_kernel(fit, fit, order=order)
    check = additive_kernel(choose_on, fit, order=order)
    scale = float(np.trace(gram)) / len(gram)
    best, weights = np.inf, np.zeros_like(fit.targets)
    for regularisation in REGULARISATIONS:
        ridge = gram + regularisation * scale * np.eye(len(gram))
        fitted = cho_solve(cho_factor(ridge, lower=True), fit.targets - centre)
        error = float(((check @ fitted + centre - choose_on.targets) ** 2).mean())
        if error < best:
            best, weights = error, fitted
    predictions: np.ndarray = additive_kernel(test, fit, order=order) @ weights + centre
    return predictions


def additive_kernel(rows: Points, columns: Points, *, order: int) -> np.ndarray:
    """The kernel between two sets of points, ``(n, n')``."""
    shape = (len(rows.inputs), len(columns.inputs))
    # polynomials[j] becomes the sum over sets of j modules, one module joining after the other.
    polynomials = [np.ones(shape, np.float32)]
    polynomials += [np.zeros(shape, np.float32) for _ in range(order)]
    for module in range(rows.codes.shape[1]):
        one, other = (points.codes[:, module].astype(np.float32) for points in (rows, columns))
        # Pairs of which one lacks the module are at infinite distance: exp gives them 0.
        one[one == 0], other[other == 0] = -np.inf, np.inf
        shared = one[:, None] - other[None]
        shared *= shared
        shared *= np.float32(-1 / (2 * CODE_LENGTH**2))
        np.exp(shared, out=shared)
        for size in range(order, 0, -1):
            polynomials[size] += shared * polynomials[size - 1]
    total: np.ndarray = sum(polynomials) * relu_kernel(rows.inputs, columns.inputs)
    return total


def relu_kernel(rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Arc-cosine kernel of degree 1 between inputs with a constant 1 appended, ``(n, n')``."""
    one = np.concatenate([rows, np.ones((len(rows), 1))], axis=1)
    other = np.concatenate([columns, np.ones((len(columns), 1))], axis=1)
    norms = np.linalg.norm(one, axis=1)[:, None] * np.linalg.norm(other, axis=1)[None]
    cosine = np.clip(one @ other.T / norms, -1, 1)
    angle = np.arccos(cosine)
    kernel: np.ndarray = norms / np.pi * (np.sqrt(1 - cosine**2) + (np.pi - angle) * cosine)
    return kernel
