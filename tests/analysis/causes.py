"""Models with a planted fault, for the tests of causes: one judged relation, decoded or lost."""

from __future__ import annotations

import numpy as np

from t2i_audit.analysis import Attribution, DecodedSlot, attribute, attribution_shares
from t2i_audit.results.attribution import AttributionShares

N = 200


def decoded(lost: np.ndarray, rng: np.random.Generator) -> DecodedSlot:
    """Readings near one half where the relation is lost and near certainty where it is held.

    As of the text encoder of ``builtin:patchy``: there the relation's probability is .50 +- .04 for
    the merged words and .98 +- .03 for the others, with an error of .01 over folds.
    """
    n = len(lost)
    p = np.where(lost, rng.normal(0.5, 0.04, n), rng.normal(0.98, 0.03, n))
    return DecodedSlot(np.clip(p, 0, 1), np.full(n, 0.01), 0.75)


def planted(
    lost: np.ndarray, rate: np.ndarray, *, seeds: int, rng: np.random.Generator
) -> Attribution:
    """Prompts whose relation is lost or held at the text encoder, and right at `rate`."""
    success = (rng.random((len(lost), seeds)) < rate[:, None]).astype(float)
    return attribute(
        success, {"relation": np.ones(len(lost), bool)}, {"relation": decoded(lost, rng)}
    )


def shares_of(
    lost: np.ndarray, rate: np.ndarray, *, seeds: int, draw: int, resamples: int = 200
) -> AttributionShares:
    """The shares of one draw of such a model, each prompt a composition of its own."""
    rng = np.random.default_rng(draw)
    attribution = planted(lost, rate, seeds=seeds, rng=rng)
    return attribution_shares(attribution, np.arange(len(lost)), rng=rng, resamples=resamples)
