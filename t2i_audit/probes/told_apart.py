"""Whether two values of one kind are told apart before a part of a pipeline and behind it.

For each two values of a kind a linear probe tells prompts that name the one from prompts that name
the other, with the compositions that are tested held out. The labels are those of the prompts: an
image that shows something else is told wrong before and behind alike, so the two figures are
compared image by image, and what is not there before cannot count as lost.

- The VAE (`told_apart`). It reads no words and moves nothing: all that it can lose is the
  difference between two appearances, whatever slots they stand for. The probe reads a bag of codes
  of the image's patches (`t2i_audit.probes.codes`).
- The denoiser's blocks (`lost_in_blocks`). The probe reads a block's image states, averaged over
  the positions of a coarse grid, beside those of the block before it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from prompts.structure import Prompt
from t2i_audit.probes.codes import bags_of_codes
from t2i_audit.probes.kernel import Kernel
from t2i_audit.probes.ridge import RidgePath, singular_of
from t2i_audit.probes.rows import Rows
from t2i_audit.results.blocks import LostInBlock
from t2i_audit.results.interval import Interval
from t2i_audit.results.told_apart import ToldApart
from t2i_audit.stats.paired_shares import PairedCounts
from t2i_audit.stats.shares import clustered_share

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

FOLDS = 5
# Prompts of each of two values, below which a difference could not be seen.
FEWEST = 20
GUESS = 0.5
LEVEL = 0.95


@dataclass(frozen=True, eq=False)
class _Pair:
    """Two values of one kind, and the prompts with one of them and not the other."""

    kind: str
    values: tuple[str, str]
    rows: NDArray[np.intp]
    is_first: BoolArray
    """``(r,)`` for each of these rows whether it names the first."""


@dataclass(frozen=True, eq=False)
class _Prompts:
    """The `n` prompts of one comparison, their pairs of values and their folds."""

    pairs: tuple[_Pair, ...]
    compositions: NDArray[np.str_]
    fold: NDArray[np.integer]

    @classmethod
    def of(cls, prompts: Sequence[Prompt], *, seed: int) -> _Prompts:
        compositions = np.array([prompt.composition for prompt in prompts])
        names, owner = np.unique(compositions, return_inverse=True)
        fold = np.random.default_rng(seed).permutation(len(names))[owner] % FOLDS
        return cls(tuple(_pairs(prompts)), compositions, fold)

    def right(self, rows: Rows) -> list[BoolArray]:
        """For each pair which of its prompts are told right from the features in `rows`, `n`."""
        features = _without_needless_width(rows)
        return [
            _right(features[pair.rows], pair.is_first, self.fold[pair.rows]) for pair in self.pairs
        ]

    def compared(
        self, before: Sequence[BoolArray], behind: Sequence[BoolArray], *, tests: int
    ) -> list[ToldApart]:
        """Each pair, the surest loss first; `tests` losses hold together (Bonferroni)."""
        found = []
        for pair, first, second in zip(self.pairs, before, behind, strict=True):
            clusters = self.compositions[pair.rows]
            loss = PairedCounts.of(second, first, clusters).interval(level=1 - (1 - LEVEL) / tests)
            given, made = (clustered_share(each, clusters) for each in (first, second))
            lost = _is_lost(given, made, loss)
            found.append(ToldApart(pair.kind, pair.values, given, made, loss, lost))
        found.sort(key=lambda pair: -pair.loss.lower)
        alike = _consistent([pair for pair in found if pair.lost])
        return [replace(pair, lost=pair in alike) for pair in found]


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
    own = _Prompts.of(prompts, seed=seed)
    bags = (bags_of_codes(each, seed=seed) for each in (latents, again))
    before, behind = (own.right(Rows.all(bag)) for bag in bags)
    return tuple(own.compared(before, behind, tests=len(own.pairs)))


def lost_in_blocks(
    prompts: Sequence[Prompt],
    ways: Mapping[int, Mapping[str, Rows]],
    *,
    seed: int,
    on_block: Callable[[], None] = lambda: None,
) -> tuple[tuple[LostInBlock, ...], int]:
    """The values that a block does not tell apart while the one before it does.

    Args:
        prompts: `n`.
        ways: by sampling step, by block in their order, its image states, `n` finite rows.
        seed: of the folds.
        on_block: called after each block.

    Returns:
        What is lost, in the order of steps and blocks, and how many pairs of values were tested.
    """
    own = _Prompts.of(prompts, seed=seed)
    tests = len(own.pairs) * sum(max(0, len(blocks) - 1) for blocks in ways.values())
    found = []
    for step, blocks in ways.items():
        before: tuple[str, list[BoolArray]] | None = None
        for name, states in blocks.items():
            right = own.right(states)
            if before is not None:
                pairs = own.compared(before[1], right, tests=tests)
                found += [LostInBlock(step, before[0], name, pair) for pair in pairs if pair.lost]
            before = name, right
            on_block()
    return tuple(found), len(own.pairs)


def _without_needless_width(rows: Rows) -> FloatArray:
    """The features of `rows`, `n`, turned so that there are no more than `n` of them.

    A ridge does not change when its features are turned, and these are read for many pairs.
    """
    if rows.width <= len(rows):
        return rows.columns(0, rows.width)
    singular, left = singular_of(Kernel.of(rows).products)
    turned: FloatArray = left * singular
    return turned


def _pairs(prompts: Sequence[Prompt]) -> Iterator[_Pair]:
    """Every two values of a kind of which there are enough prompts."""
    named = [
        {(part.kind, part.value) for part in prompt.constituents if len(part.entities) == 1}
        for prompt in prompts
    ]
    every = sorted(set().union(*named))
    for first, second in combinations(every, 2):
        if first[0] != second[0]:
            continue
        has = np.array([[value in own for value in (first, second)] for own in named])
        rows = np.flatnonzero(has[:, 0] != has[:, 1])
        is_first = has[rows, 0]
        if min(int(is_first.sum()), int((~is_first).sum())) >= FEWEST:
            yield _Pair(first[0], (first[1], second[1]), rows, is_first)


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


def _is_lost(before: Interval, behind: Interval, loss: Interval) -> bool:
    # A value that is drawn as a second one is told from a third one as well or badly as that second
    # one is: a sure loss, and no likeness. So most must be lost for sure.
    return loss.lower > 0 and behind.upper < (GUESS + before.estimate) / 2
