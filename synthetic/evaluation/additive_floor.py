"""The additive floor: what can be had by adding up, without composing.

Lippl and Stachenfeld (arXiv 2405.16391) show that a kernel model with a compositionally structured
kernel can only add up values that it assigned, in training, to conjunctions of components. Here the
components are the modules of a task, a conjunction is a set of modules that are active together,
and the value of one may depend on the input and on how strongly its modules are active:

    f(x, z) = sum over sets S of active modules of f_S(x, z_S)

Such functions are the span of the kernel

    k((x, z), (x', z')) = k_x(x, x') * sum_S prod_{m in S} [m active in both] k_z(z_m, z'_m)

where S runs over all sets of at most K modules, the empty one included; the sum consists of
elementary symmetric polynomials. A set that occurs in no training task adds nothing to a
prediction. `k_x` is the kernel of an infinitely wide ReLU layer (Cho and Saul 2009, degree 1) and
`k_z` is Gaussian. Ridge regression is fitted to tasks of the student's own trained compositions,
its regularisation chosen on further tasks of the same compositions. A student composes only if its
score is higher.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import torch
from scipy.linalg import cho_factor, cho_solve

from synthetic.evaluation.scores import score
from synthetic.settings import HyperteacherSettings, TaskSettings
from synthetic.streams import stream
from synthetic.tasks.encodings import NoEncoding
from synthetic.training.ensemble import Ensemble, TaskBatch, draw_batch

# Tasks, and samples per task, that the regression is fitted to and tested on.
FIT_TASKS, FIT_SAMPLES = 640, 2
TEST_TASKS, TEST_SAMPLES = 128, 16
REGULARISATIONS = (1e-4, 1e-3, 1e-2, 1e-1)
CODE_LENGTH = 0.25  # of the Gaussian kernel; a code's entries are 0.5 to 1

# The floors that this process has computed, by the tasks that they depend on.
_COMPUTED: dict[tuple[object, ...], float] = {}


@dataclass(frozen=True, eq=False)
class Points:
    """Single samples with their tasks."""

    inputs: np.ndarray
    """``(n, input_size)``."""
    codes: np.ndarray
    """``(n, modules)``."""
    targets: np.ndarray
    """``(n, output_size)``."""


def additive_floors(ensemble: Ensemble) -> list[float]:
    """The additive floor of each member's teacher and support; NaN for other than regression."""
    if ensemble.family.loss != "squared_error":
        return [math.nan] * len(ensemble.settings)
    # The floor does not depend on students and encodings: runs with the same tasks share it.
    teacher = _teacher(ensemble.settings[0].task)
    keys: list[tuple[object, ...]] = [
        (teacher, one.codes, support, one.seed)
        for one, support in zip(ensemble.settings, ensemble.supports, strict=True)
    ]
    if any(key not in _COMPUTED for key in keys):
        _compute(ensemble, keys, order=teacher.active)
    return [_COMPUTED[key] for key in keys]


def _teacher(task: TaskSettings) -> HyperteacherSettings:
    """The settings of the teacher alone, whatever the encoding."""
    assert isinstance(task, HyperteacherSettings), "the hyperteacher is the only regression"
    return HyperteacherSettings(modules=task.modules, active=task.active, size=task.size)


def _compute(ensemble: Ensemble, keys: list[tuple[object, ...]], *, order: int) -> None:
    """Compute the floors of the members whose `keys` are new."""
    plain = replace(ensemble, encoder=NoEncoding())
    rngs = [stream(one.seed, "floor") for one in ensemble.settings]
    fit, choose_on, test = (
        draw_batch(plain, trained, tasks, samples, rngs)
        for trained, tasks, samples in (
            (True, FIT_TASKS, FIT_SAMPLES),
            (True, TEST_TASKS, FIT_SAMPLES),
            (False, TEST_TASKS, TEST_SAMPLES),
        )
    )
    for index, key in enumerate(keys):
        if key in _COMPUTED:
            continue
        parts = (_points(batch, index) for batch in (fit, choose_on, test))
        targets = test.targets[index]
        predictions = torch.from_numpy(additive_predictions(*parts, order=order))
        _COMPUTED[key] = score("squared_error", predictions.view(targets.shape), targets)


def _points(batch: TaskBatch, index: int) -> Points:
    """The samples of one member."""
    inputs = batch.inputs[index]
    codes = batch.constituents[index].repeat_interleave(inputs.shape[1], dim=0)
    return Points(
        inputs.flatten(0, 1).double().numpy(),
        codes.double().numpy(),
        batch.targets[index].flatten(0, 1).double().numpy(),
    )


def additive_predictions(fit: Points, choose_on: Points, test: Points, *, order: int) -> np.ndarray:
    """Fit the additive regression on conjunctions and predict `test`, ``(n, output_size)``.

    Args:
        fit: the points that it is fitted to.
        choose_on: points of the same distribution, on which its regularisation is chosen.
        test: the points to predict.
        order: the largest number of modules in a conjunction, K.
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
    # polynomials[j] becomes the sum over sets of j modules; the loop adds one module at a time.
    polynomials = [np.ones(shape, np.float32)]
    polynomials += [np.zeros(shape, np.float32) for _ in range(order)]
    for module in range(rows.codes.shape[1]):
        one, other = (points.codes[:, module].astype(np.float32) for points in (rows, columns))
        # If one of a pair lacks the module, their distance is infinite and exp of it is 0.
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
