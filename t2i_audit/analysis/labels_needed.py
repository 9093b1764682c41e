"""How many labels a corrected rate needs, and which images they should be of."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from t2i_audit.analysis.labelled import Image, Item
from t2i_audit.results.label_plan import LabelPlan, LabelsNeeded

# Sensitivity and specificity as they were measured of judges of images.
USUAL = ((0.84, 0.80), (0.94, 0.80), (0.97, 0.97))
WORST = 0.5  # the share right at which an interval is widest
PILOT = 50  # labels of a stratum before the rest is allocated
LEVEL = 0.95


def label_plan(
    items: Sequence[Item],
    *,
    judge: str,
    half_width: float,
    measured: tuple[float, float, float] | None = None,
) -> LabelPlan:
    """Plan the labels of a run.

    Args:
        items: the judged images.
        judge: its name.
        half_width: of the interval that is wanted.
        measured: the judge's sensitivity and specificity and the share right, where labels gave
            them.
    """
    share = float(np.mean([item.verdict for item in items]))
    rows = []
    if measured is not None:
        rows.append(labels_needed(*measured, half_width=half_width, source="measured"))
    for pair in USUAL:
        own = min(max((share + pair[1] - 1) / (sum(pair) - 1), 0.0), 1.0)
        rows += [labels_needed(*pair, rate, half_width=half_width) for rate in (WORST, own)]
    strata = {name: min(PILOT, len(own)) for name, own in strata_of(items).items()}
    return LabelPlan(judge, half_width, len(items), share, tuple(rows), strata)


def labels_needed(
    sensitivity: float,
    specificity: float,
    rate: float,
    *,
    half_width: float,
    source: str = "assumed",
) -> LabelsNeeded:
    """Labels for an interval of `half_width`, of one image a prompt and many more images.

    With W the shares of accepted and rejected images and S the standard deviation of the truth in
    either, the variance of the two-phase rate is least, (sum of W S)^2 / n, if each stratum is
    labelled in proportion to its W S (Neyman 1934), and (sum of W S^2) / n with images at random.

    Returns:
        Whole labels, rounded to the nearest.
    """
    from scipy import stats

    scale = (float(stats.norm.ppf((1 + LEVEL) / 2)) / half_width) ** 2
    accepted = rate * sensitivity + (1 - rate) * (1 - specificity)
    shares = accepted, 1 - accepted
    right = [
        hit / share if share else 0.0
        for hit, share in zip((rate * sensitivity, rate * (1 - sensitivity)), shares, strict=True)
    ]
    spreads = [w * math.sqrt(p * (1 - p)) for w, p in zip(shares, right, strict=True)]
    labels = scale * sum(spreads) ** 2
    of_accepted = labels * spreads[0] / sum(spreads) if sum(spreads) else 0.0
    proportional = scale * sum(w * p * (1 - p) for w, p in zip(shares, right, strict=True))
    return LabelsNeeded(
        source=source,
        sensitivity=sensitivity,
        specificity=specificity,
        rate=rate,
        labels=round(labels),
        accepted=round(of_accepted),
        rejected=round(labels) - round(of_accepted),
        proportional=round(proportional),
        without_judge=round(scale * rate * (1 - rate)),
    )


def strata_of(items: Sequence[Item]) -> dict[str, list[Item]]:
    """The judged images by verdict and prompt type, e.g. ``right, relation``."""
    strata: dict[str, list[Item]] = {}
    for item in items:
        strata.setdefault(f"{'right' if item.verdict else 'wrong'}, {item.asks}", []).append(item)
    return dict(sorted(strata.items()))


def draw_images(
    items: Sequence[Item],
    count: int,
    truth_of: Callable[[Sequence[Image]], Mapping[Image, bool | None]],
    *,
    rng: np.random.Generator,
) -> dict[Image, float]:
    """Draw images to be labelled: a pilot from each stratum, then as Neyman's allocation says.

    Args:
        items: the judged images.
        count: how many to draw; all of them if there are fewer.
        truth_of: labels images.
        rng: source of the draw.

    Returns:
        Each drawn image with its weight: 1 / the share of its stratum that was drawn.
    """
    lines = [[own[row] for row in rng.permutation(len(own))] for own in strata_of(items).values()]
    sizes = np.array([len(own) for own in lines])
    count = min(count, len(items))
    first = np.minimum(min(PILOT, count // (2 * len(lines))), sizes)
    pilot = [item.image for own, n in zip(lines, first, strict=True) for item in own[:n]]
    truths = truth_of(pilot)
    spreads = [
        _spread([truths.get(item.image) for item in own[:n]])
        for own, n in zip(lines, first, strict=True)
    ]
    drawn = allocate(sizes, np.array(spreads), count, at_least=first)
    return {
        item.image: size / n
        for own, size, n in zip(lines, sizes.tolist(), drawn.tolist(), strict=True)
        for item in own[:n]
    }


def allocate(
    sizes: np.ndarray, spreads: np.ndarray, count: int, *, at_least: np.ndarray
) -> np.ndarray:
    """Neyman's allocation of `count` labels: in proportion to size times spread.

    Args:
        sizes: ``(h,)`` images of each stratum, which no stratum exceeds.
        spreads: ``(h,)`` standard deviation of the truth in each.
        count: labels in all, at most the sum of `sizes`.
        at_least: ``(h,)`` labels that each stratum has already.
    """
    given = at_least.copy()
    while given.sum() < count:
        open_ = given < sizes
        wish = np.where(open_, sizes * spreads, 0.0) * count / (sizes * spreads)[open_].sum()
        # The stratum that is furthest below its share is next.
        given[np.argmax(np.where(open_, wish - given, -np.inf))] += 1
    return given


def _spread(truths: Sequence[bool | None]) -> float:
    """The standard deviation of truths; never 0, as what a small pilot lacks may still exist."""
    known = [truth for truth in truths if truth is not None]
    share = (sum(known) + 1) / (len(known) + 2)
    return math.sqrt(share * (1 - share))
