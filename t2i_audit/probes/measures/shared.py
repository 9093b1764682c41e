"""The shared readout: one linear map that reads a kind of value off every object of a prompt.

Cross-attention has one key and one value map for all tokens. What it is to use of the colour at a
noun must therefore lie there in the same way whichever object the noun names. Here a probe learns
from rows that are pairs of a prompt and an entity, all entities at once, and is asked about objects
whose partner values it has never seen. The *transferred* readout learns from the other entities
only.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from t2i_audit.probes.features import FeatureBlock
from t2i_audit.probes.measures.code_length import SIZES
from t2i_audit.probes.measures.dual import centred_kernel, fit_dual
from t2i_audit.probes.measures.partners import Split, halves, numbered
from t2i_audit.probes.measures.sample import Sample

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.integer]
BoolArray = NDArray[np.bool_]

LEAST, MOST = SIZES[0], SIZES[-1]
"""Objects to learn from: fewer than the least tell nothing, and no more than the most are used."""


@dataclass(frozen=True, eq=False)
class Member:
    """One entity of a site: the slot that is read of it, and where."""

    slot: str
    block: FeatureBlock


@dataclass(frozen=True, eq=False)
class Readout:
    """What one map reads of one slot, split by split."""

    right: FloatArray
    """``(s, n)`` 1 where the prompt's value was read right, NaN where it was not asked for."""
    inner: FloatArray
    """``(s,)`` share read right of the training rows, each by the fit to other partner values."""

    def or_better(self, other: Readout) -> Readout:
        """In each split the one of the two that did better inside it; this one where they tie."""
        better = other.inner > self.inner
        return Readout(
            np.where(better[:, None], other.right, self.right),
            np.where(better, other.inner, self.inner),
        )


def shared_sites(blocks: Iterable[FeatureBlock], sample: Sample) -> list[tuple[Member, ...]]:
    """The sets of two or more entities of which one kind of value is read in one way.

    Their blocks are of the same layer, each at the noun of its entity or at that noun's region.
    """
    roles = sample.roles
    sites: dict[tuple[object, ...], list[Member]] = {}
    for block in blocks:
        place = block.place
        at = roles.get(place.position.name) if place.position.is_slot else None
        if at is None or not at.is_noun:
            continue
        layer = place.encoder, place.layer, place.step, place.position.tokens_of
        for slot in sorted(block.targets & roles.keys() & sample.labels.keys()):
            if roles[slot].entity == at.entity:
                key = (*layer, at.kind, roles[slot].kind)
                sites.setdefault(key, []).append(Member(slot, block))
    return [tuple(members) for members in sites.values() if len(members) > 1]


def read_shared(members: Sequence[Member], sample: Sample) -> dict[str, tuple[Readout, Readout]]:
    """The shared and the transferred readout of each slot of `members`.

    A slot is left out where too few objects, or too few partner values, are there to learn from.
    """
    objects = _Objects.of(members, sample)
    splits = halves(objects.groups, seed=sample.seed)
    if not splits:
        return {}
    # Of each entity the rows that the shared and the transferred readout learn from.
    learned = {}
    for number, member in enumerate(members):
        asked = objects.member == number
        shared, transferred = (_learned(splits, allowed) for allowed in (asked | True, ~asked))
        if shared is not None and transferred is not None:
            learned[member.slot] = asked, (shared, transferred)
    if not learned:
        return {}
    lines = np.unique(np.concatenate([t.ravel() for _, both in learned.values() for t in both]))
    kernel = objects.kernel(members, sample, lines)

    def read(train: IntArray, asked: BoolArray) -> Readout:
        return _read(kernel, lines, objects, splits, train, asked=asked, n=len(sample.prompts))

    return {
        slot: (read(shared, asked), read(transferred, asked))
        for slot, (asked, (shared, transferred)) in learned.items()
    }


@dataclass(frozen=True, eq=False)
class _Objects:
    """The rows of a site: pairs of an entity and a prompt."""

    member: IntArray
    """``(m,)`` the entity."""
    prompt: IntArray
    """``(m,)`` the prompt."""
    labels: IntArray
    """``(m,)`` in the classes of all entities together."""
    classes: int
    groups: IntArray
    """``(m,)`` partner values."""

    @classmethod
    def of(cls, members: Sequence[Member], sample: Sample) -> _Objects:
        """Of the prompts that have the slot and whose state could be read."""
        classes = sorted({value for each in members for value in sample.classes[each.slot]})
        prompt, labels = [], []
        for each in members:
            own = sample.labels[each.slot]
            there = np.flatnonzero(each.block.valid[sample.rows] & (own >= 0))
            common = np.array([classes.index(value) for value in sample.classes[each.slot]])
            prompt.append(there)
            labels.append(common[own[there]])
        partners = [
            sample.partners[each.slot][row]
            for each, there in zip(members, prompt, strict=True)
            for row in there.tolist()
        ]
        return cls(
            np.repeat(np.arange(len(members)), [len(there) for there in prompt]),
            np.concatenate(prompt),
            np.concatenate(labels),
            len(classes),
            numbered(partners),
        )

    def kernel(self, members: Sequence[Member], sample: Sample, lines: IntArray) -> FloatArray:
        """Inner products of the features of the objects `lines` with those of all, ``(l, m)``."""
        return centred_kernel(
            [
                each.block.rows(sample.rows[self.prompt[self.member == number]])
                for number, each in enumerate(members)
            ],
            lines,
        )


def _learned(splits: Sequence[Split], allowed: BoolArray) -> IntArray | None:
    """For each split as many of the rows `allowed`, ``(m,)``, as all have; None for too few."""
    own = [split.train[allowed[split.train]] for split in splits]
    size = min(MOST, *map(len, own))
    return np.stack([each[:size] for each in own]) if size >= LEAST else None


def _read(
    kernel: FloatArray,
    lines: IntArray,
    objects: _Objects,
    splits: Sequence[Split],
    train: IntArray,
    *,
    asked: BoolArray,
    n: int,
) -> Readout:
    """What a map that learned from the rows `train`, ``(s, t)``, reads off those `asked`, ``(m,)``.

    The kernel, ``(l, m)``, is of the rows `lines` with all.
    """
    own = np.searchsorted(lines, train)
    inside = kernel[own[:, :, None], train[:, None, :]]
    labels = objects.labels
    fit = fit_dual(inside, labels[train], objects.groups[train], classes=objects.classes)
    rows = np.flatnonzero(asked)
    guessed = fit.scores(kernel[own[:, None, :], rows[:, None]]).argmax(axis=2)
    right = np.full((len(splits), n), np.nan)
    for line, split in enumerate(splits):
        tested = np.isin(rows, split.tested)
        right[line, objects.prompt[rows[tested]]] = guessed[line, tested] == labels[rows[tested]]
    inner = (fit.held_out.argmax(axis=2) == labels[train]).mean(axis=1)
    return Readout(right, inner)
