"""The bits that are still needed to tell a slot's value once a probe has learned from few prompts.

A probe that has learned from `m` prompts gives every value of a new prompt a probability, and
``-log2`` of that of the true value is the length of its code. All values at equal probability need
``log2(k)`` bits. The mean over ``m = 16, 32, 64`` is the online code length of Voita and Titov
2020 (arXiv 2003.12298), each doubling of the data counted alike, as in the loss-data curve of
Whitney et al. 2020 (arXiv 2009.07368); the new prompts have partner values that the probe has never
seen. Where accuracy after hundreds of prompts is 1 for every network, networks still differ in how
soon it is.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax

from t2i_audit.probes.calibration import fit_inverse_temperatures
from t2i_audit.probes.measures.dual import fit_dual
from t2i_audit.probes.measures.partners import ORDERS, Split

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.integer]

SIZES = (16, 32, 64)


def code_lengths(
    kernel: FloatArray,
    labels: IntArray,
    groups: IntArray,
    splits: Sequence[Split],
    *,
    classes: int,
    sizes: Sequence[int] = SIZES,
) -> FloatArray:
    """Bits for each row in each order, mean over `sizes`; ``(orders, n)``.

    NaN where a row is not coded, and everywhere if a split has fewer rows than the least of
    `sizes`; larger ones that a split does not have are left out.

    Args:
        kernel: of all rows, ``(n, n)``.
        labels: ``(n,)``.
        groups: ``(n,)`` partner value of each row.
        splits: from `halves`.
        classes: `k`.
        sizes: rows to learn from.
    """
    bits = np.full((ORDERS, len(labels)), np.nan)
    most = min((len(split.train) for split in splits), default=0)
    sizes = [size for size in sizes if size <= most]
    if not sizes:
        return bits
    total = sum(
        _bits(kernel, labels, groups, np.stack([split.train[:size] for split in splits]), classes)
        for size in sizes
    )
    for split, own in zip(splits, np.asarray(total), strict=True):
        bits[split.order, split.tested] = own[split.tested] / len(sizes)
    return bits


def _bits(
    kernel: FloatArray, labels: IntArray, groups: IntArray, train: IntArray, classes: int
) -> FloatArray:
    """Bits of every row, ``(b, n)``, by probes that learned from the rows `train`, ``(b, m)``."""
    m = train.shape[1]
    inside = kernel[train[:, :, None], train[:, None, :]]
    fit = fit_dual(inside, labels[train], groups[train], classes=classes)
    factors = fit_inverse_temperatures(fit.held_out, labels[train])
    scores = fit.scores(kernel[train].swapaxes(1, 2))
    every = softmax(factors[:, None, None] * scores, axis=2)
    probability = every[:, np.arange(len(labels)), labels]
    # By the rule of succession (Laplace) what m rows have taught fails at the next one with
    # probability 1 / (m + 2), however sure the probe is; the code of a value is never endless.
    surprise = 1 / (m + 2)
    return np.asarray(-np.log2((1 - surprise) * probability + surprise / classes))
