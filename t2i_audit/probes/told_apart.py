"""Whether two values of one kind are told apart by what an image is made of.

A VAE reads no words and moves nothing: all that it can lose is the difference between two
appearances, whatever slots they stand for. So for each two values of a kind a linear probe tells
prompts that name the one from prompts that name the other, from a bag of codes of the image's
patches (`t2i_audit.probes.codes`), with the compositions that are tested held out. The labels are
those of the prompts: an image that shows something else is told wrong before and behind the VAE
alike, so the two figures are compared image by image, and what is not in the latents cannot count
as lost.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from prompts.structure import Prompt
from t2i_audit.probes.codes import bags_of_codes
from t2i_audit.probes.ridge import RidgePath
from t2i_audit.probes.rows import Rows
from t2i_audit.results.interval import Interval
from t2i_audit.results.vae import ToldApart
from t2i_audit.stats.paired_shares import PairedCounts
from t2i_audit.stats.shares import clustered_share

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

FOLDS = 5
# Prompts of each of two values, below which a difference could not be seen.
FEWEST = 20
GUESS = 0.5
LEVEL = 0.95


def told_apart(
    prompts: Sequence[Prompt],
    latents: NDArray[np.floating],
    again: NDArray[np.floating],
    *,
    seed: int,
) -> tuple[ToldApart, ...]:
    """Every two values of each kind of which there are enough prompts; the surest loss first.

    Args:
        prompts: `n`.
        latents: patches of each prompt's image before the VAE, ``(n, p, c)``, finite.
        again: the same behind it.
        seed: of the codes and folds.
    """
    bags = [bags_of_codes(patches, seed=seed) for patches in (latents, again)]
    compositions = np.array([prompt.composition for prompt in prompts])
    names, owner = np.unique(compositions, return_inverse=True)
    fold = np.random.default_rng(seed).permutation(len(names))[owner] % FOLDS
    pairs = list(_pairs(prompts))
    found = []
    for kind, values, rows, is_first in pairs:
        before, behind = (_right(bag[rows], is_first, fold[rows]) for bag in bags)
        clusters = compositions[rows]
        # Bonferroni: all losses of all pairs hold together.
        loss = PairedCounts.of(behind, before, clusters).interval(
            level=1 - (1 - LEVEL) / len(pairs)
        )
        first, second = (clustered_share(each, clusters) for each in (before, behind))
        found.append(ToldApart(kind, values, first, second, loss, _is_lost(first, second, loss)))
    found.sort(key=lambda pair: -pair.loss.lower)
    alike = _consistent([pair for pair in found if pair.lost])
    return tuple(replace(pair, lost=pair in alike) for pair in found)


def _pairs(
    prompts: Sequence[Prompt],
) -> list[tuple[str, tuple[str, str], NDArray[np.intp], BoolArray]]:
    """Kind, two of its values, the prompts with one of them, and which have the first."""
    named = [
        {(part.kind, part.value) for part in prompt.constituents if len(part.entities) == 1}
        for prompt in prompts
    ]
    every = sorted(set().union(*named))
    found = []
    for first, second in combinations(every, 2):
        if first[0] != second[0]:
            continue
        has = np.array([[value in own for value in (first, second)] for own in named])
        rows = np.flatnonzero(has[:, 0] != has[:, 1])
        is_first = has[rows, 0]
        if min(int(is_first.sum()), int((~is_first).sum())) >= FEWEST:
            found.append((first[0], (first[1], second[1]), rows, is_first))
    return found


def _right(features: FloatArray, is_first: BoolArray, fold: NDArray[np.integer]) -> BoolArray:
    """Whether each prompt is told right by a ridge that was fitted to the other folds, ``(n,)``."""
    right = np.zeros(len(is_first), dtype=bool)
    targets = np.where(is_first, 1.0, -1.0)[:, None]
    for held_out in range(FOLDS):
        train, tested = fold != held_out, fold == held_out
        if not tested.any() or len(set(is_first[train])) < 2:
            continue
        path = RidgePath.of(features[train])
        alpha = path.alphas[[int(path.errors(targets[train])[:, 0].argmin())]]
        said = path.predict(targets[train], alpha, Rows.all(features[tested]))[:, 0] > 0
        right[tested] = said == is_first[tested]
    return right


def _consistent(lost: Sequence[ToldApart]) -> list[ToldApart]:
    """Those of the pairs that can all be alike, the surest first.

    A value that looks like two others makes these look alike. Where these are told apart, it looks
    like one of them, and only therefore is told from the other as badly as that one is.
    """
    candidates = {(pair.kind, frozenset(pair.values)) for pair in lost}
    alike: list[ToldApart] = []
    for pair in lost:
        groups = [{value} for value in pair.values]
        for value, group in zip(pair.values, groups, strict=True):
            for other in alike:
                if other.kind == pair.kind and value in other.values:
                    group |= set(other.values)
        if all(
            one == two or (pair.kind, frozenset((one, two))) in candidates
            for one in groups[0]
            for two in groups[1]
        ):
            alike.append(pair)
    return alike


def _is_lost(latents: Interval, again: Interval, loss: Interval) -> bool:
    # A value that is drawn as a second one is told from a third one as well or badly as that second
    # one is: a sure loss, and no likeness. So most must be lost for sure.
    return loss.lower > 0 and again.upper < (GUESS + latents.estimate) / 2
