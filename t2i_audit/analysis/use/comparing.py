"""The use of each slot in two runs of the same prompts."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from t2i_audit.analysis.use.drawn import DrawnImages, Items
from t2i_audit.analysis.use.estimates import difference_of
from t2i_audit.results.comparison import PairedRate
from t2i_audit.results.use import TEXT
from t2i_audit.stats.shares import difference


def compared_use(base: DrawnImages, candidate: DrawnImages) -> dict[str, PairedRate]:
    """By slot, its use in both runs and the difference, over the images that both have.

    The interval of the difference is made of the two uses' own, with their correlation over
    compositions (`t2i_audit.stats.shares.difference`), so that it keeps its width where no image
    changes.

    Args:
        base, candidate: of the same prompts in the same order.
    """
    slots = [
        slot
        for kind, slot, site in base.changed
        if kind == "erase" and site == TEXT and (kind, slot, site) in candidate.changed
    ]
    found = {}
    for slot in slots:
        erase, random = ("erase", slot, TEXT), ("random", slot, TEXT)
        both = [run.slot(slot, key) for run in (base, candidate) for key in (erase, random)]
        seeds = min(each.shape[1] for each in both)
        items = Items.of(base.clusters, (each[:, :seeds] for each in both))
        if len(items.prompts):
            first, second = difference_of(items, 0, 1), difference_of(items, 2, 3)
            changed = difference(second, first, correlation=_correlation(items))
            # Both uses are of the same images, which count once.
            found[slot] = PairedRate(first, second, replace(changed, n=first.n))
    return found


def _correlation(items: Items) -> float:
    """Of the two runs' drops over compositions; 0 where one of them does not vary."""
    drops = [items.verdicts[1] - items.verdicts[0], items.verdicts[3] - items.verdicts[2]]
    _, owner = np.unique(items.clusters, return_inverse=True)
    means = [np.bincount(owner, each - each.mean()) for each in drops]
    spread = math.sqrt(float((means[0] @ means[0]) * (means[1] @ means[1])))
    return float(means[0] @ means[1]) / spread if spread > 1e-12 else 0.0
