"""Shares of the causes over wrong images, with intervals, and the culprit that follows from them.

Compositions are drawn with replacement, and in each resample all that is estimated from the images
is estimated anew: how far the probe's calls are believed, and at what rates prompts are drawn
right. The interval of a share holds the middle 95% of the resamples, and the exact binomial
interval in which each failing composition is one trial: so it does not close where all images have
one cause.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from t2i_audit.analysis.attribution import Attribution
from t2i_audit.analysis.culprit import by_share, culprit
from t2i_audit.analysis.lost import WHOLE
from t2i_audit.analysis.success import image_rate
from t2i_audit.printable import listed
from t2i_audit.results.attribution import AttributionShares
from t2i_audit.results.interval import Interval
from t2i_audit.stats.beta_binomial import icc_interval
from t2i_audit.stats.bootstrap import cluster_weights, percentile_interval
from t2i_audit.stats.proportions import share_interval

FloatArray = NDArray[np.float64]

# Resamples at once: a hundred of a thousand wrong images take a megabyte per cause.
CHUNK = 100

# A probe that calls this share of the wrong images lost, and is not believed, is spoken of.
WORTH_A_NOTE = 0.05


def attribution_shares(
    attribution: Attribution,
    clusters: ArrayLike,
    *,
    rng: np.random.Generator,
    resamples: int = 1000,
) -> AttributionShares:
    """The shares and the culprit.

    Args:
        attribution: of `n` prompts.
        clusters: the composition of each, `(n,)`.
        rng: source of the resamples.
        resamples: bootstrap resamples.
    """
    groups = np.asarray(clusters)
    drawn, owner = cluster_weights(groups, rng=rng, resamples=resamples)
    own = shares_in(attribution, np.ones((1, len(groups))))
    parts = [
        shares_in(attribution, drawn[start : start + CHUNK][:, owner])
        for start in range(0, resamples, CHUNK)
    ]
    resampled = {name: np.concatenate([part[name] for part in parts]) for name in own}
    wrong = int(attribution.wrong.sum())
    failing = len(np.unique(groups[attribution.failing]))

    def share(name: str) -> Interval:
        estimate = float(own[name][0])
        return share_of_wrong(estimate, resampled[name], n=wrong, trials=failing)

    causes = {name: share(name) for name in attribution.causes}
    details = {name: share(f"detail {name}") for name in attribution.details}
    first, second = by_share(causes)[:2]
    lead = lead_over(causes[first], causes[second], resampled[first] - resampled[second], failing)
    failure_rate = image_rate(1 - attribution.success, groups)
    named, reason = culprit(causes, lead, failure_rate, failing=failing)
    return AttributionShares(
        causes,
        details,
        failure_rate,
        named,
        of="images",
        failing_prompts=int(attribution.failing.sum()),
        reason=reason,
        lead=lead,
        repeats=_repeats(attribution, groups),
        underpowered=_underpowered(attribution),
    )


def shares_in(attribution: Attribution, drawn: FloatArray) -> dict[str, FloatArray]:
    """Each share in each resample, `(b,)`; NaN where no image is wrong.

    Args:
        attribution: of `n` prompts.
        drawn: how often each prompt is in each resample, `(b, n)`.
    """
    evidence = attribution.evidence
    causes, details = evidence.weights(drawn)
    images = drawn[:, evidence.prompt] * evidence.images
    total = images.sum(axis=1)
    named: dict[str, FloatArray] = {str(name): each for name, each in causes.items()}
    named |= {f"detail {name}": each for name, each in details.items()}
    undefined_share = np.full(len(drawn), np.nan)
    return {
        name: np.divide(
            (images * each).sum(axis=1), total, out=undefined_share.copy(), where=total > 0
        )
        for name, each in named.items()
    }


def share_of_wrong(estimate: float, resampled: FloatArray, *, n: int, trials: int) -> Interval:
    """The interval of a share: from the resamples, no narrower than of so many independent trials.

    One trial says nothing of a share.
    """
    spread = percentile_interval(estimate, resampled, n)
    if not spread.is_defined:
        return spread
    if trials < 2:
        return Interval(estimate, 0.0, 1.0, n)
    exact = share_interval(estimate, estimate * (1 - estimate) / trials, n=n, clusters=trials)
    lower, upper = min(spread.lower, exact.lower), max(spread.upper, exact.upper)
    return Interval(estimate, lower, upper, n)


def lead_over(first: Interval, second: Interval, resampled: FloatArray, trials: int) -> Interval:
    """`first` less `second`, at least as uncertain as if each trial had fallen to one of the two.

    If they were equal, each would get half of ``trials * both`` trials, and the lead would have the
    standard error ``both / sqrt(trials * both)``, as in a sign test. The resamples' ends are moved
    outwards as Student's t is, because few compositions vary less in resamples than in truth.
    """
    from scipy import stats

    both = first.estimate + second.estimate
    spread = percentile_interval(first.estimate - second.estimate, resampled, first.n)
    if not spread.is_defined:
        return spread
    normal = float(stats.norm.ppf(0.975))
    wider = float(stats.t.ppf(0.975, max(trials - 1, 1))) / normal
    tie = normal * math.sqrt(both / trials)
    lead = spread.estimate
    lower = min(lead - (lead - spread.lower) * wider, lead - tie)
    upper = max(lead + (spread.upper - lead) * wider, lead + tie)
    return Interval(lead, max(lower, -both), min(upper, both), spread.n)


def _repeats(attribution: Attribution, groups: NDArray[np.generic]) -> Interval:
    """The intraclass correlation of the prompts that the text encoder holds."""
    calls = attribution.evidence.encoder[WHOLE]
    held = calls.read & (calls.lost < 0.5)
    right, judged = attribution.evidence.outcomes[WHOLE].counts
    return icc_interval(right[held], judged[held], groups[held])


def _underpowered(attribution: Attribution) -> dict[str, Interval]:
    """Slots that the denoiser's probe calls lost where they are drawn right."""
    evidence = attribution.evidence
    found: dict[str, Interval] = {}
    if evidence.denoiser is None:
        return found
    ones = np.ones((1, len(attribution.success)))
    for name, wrong in zip(evidence.outcomes, evidence.wrong.T, strict=True):
        calls = evidence.denoiser[name]
        called = (calls.lost[evidence.prompt] * evidence.images)[wrong].sum()
        doubted = (1 - calls.believed(ones)[0]) * called / max(attribution.wrong.sum(), 1)
        right, _ = evidence.outcomes[name].counts
        right = np.where(calls.read, right, 0.0)
        images, clusters = int(right.sum()), int((right > 0).sum())
        if doubted < WORTH_A_NOTE or not images:
            continue
        read = float(right @ (1 - calls.lost)) / images
        variance = float(right**2 @ (1 - calls.lost - read) ** 2) / images**2
        others = [part for part in evidence.outcomes[name].needs if part != name]
        what = f"{name} with {listed(others)}" if others and name != WHOLE else name
        found[what] = share_interval(read, variance, n=images, clusters=clusters)
    return found
