"""Scores of predictions."""

from __future__ import annotations

import warnings

import numpy as np
import torch

from synthetic.tasks.base import Loss


def score(loss: Loss, outputs: torch.Tensor, targets: torch.Tensor) -> float:
    """The score of one student on ``(tasks, samples, ...)``.

    For regression R2 with each task's own mean as the reference, as in the official code of arXiv
    2507.07207: predicting only a task's mean output scores 0. For classification the accuracy.
    """
    if loss == "cross_entropy":
        counted = targets >= 0
        return float((outputs.argmax(dim=-1) == targets)[counted].double().mean())
    residual = (outputs - targets).double().square().sum()
    total = (targets - targets.mean(dim=1, keepdim=True)).double().square().sum()
    return float(1 - residual / total)


def mean_r2(predictions: np.ndarray, targets: np.ndarray) -> float:
    """Coefficient of determination, mean over the columns of `targets`, ``(n, k)``, that vary.

    NaN if none does.
    """
    total = ((targets - targets.mean(axis=0)) ** 2).sum(axis=0)
    varies = total > 1e-9 * len(targets)
    residual = ((predictions - targets) ** 2).sum(axis=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # the mean of no columns is NaN, as meant
        return float(np.mean(1 - residual[varies] / total[varies]))
