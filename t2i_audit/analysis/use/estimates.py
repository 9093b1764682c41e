"""How far images depend on what the denoiser is given: shares, drops and their intervals.

All shares of one line are of the same images: prompts and seeds that were drawn both ways from the
same noise and judged. Intervals are over compositions: of shares `t2i_audit.stats.shares`, of
differences `t2i_audit.stats.paired_shares`; both keep their width where no image, or every one,
shows the slot.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from t2i_audit.analysis.use.drawn import DrawnImages, Items
from t2i_audit.analysis.use.verdict import Witness, erasing, steering, use_verdict
from t2i_audit.results.interval import Interval, undefined
from t2i_audit.results.use import TEXT, UNCHANGED, ContextNeed, SlotUse
from t2i_audit.stats.paired_shares import PairedCounts
from t2i_audit.stats.shares import clustered_share


def estimate_use(images: DrawnImages) -> tuple[tuple[SlotUse, ...], tuple[ContextNeed, ...]]:
    """The use of every slot that was erased, and the need for context of every slot."""
    erased = [(slot, site) for kind, slot, site in images.changed if kind == "erase"]
    found = [_slot_use(images, slot, site) for slot, site in dict.fromkeys(erased)]
    works = {each.site for each in found if (own := _steering(each, works=True)) and own.confirms}
    uses = tuple(_with_verdict(each, works=each.site in works) for each in found)
    return uses, tuple(_context(images))


def guess_of(values: NDArray[np.str_]) -> float:
    """The success of always drawing the most frequent of `values`, ``(m,)``; NaN for none."""
    if not len(values):
        return float("nan")
    return Counter(values.tolist()).most_common(1)[0][1] / len(values)


def _slot_use(images: DrawnImages, slot: str, site: str) -> SlotUse:
    erase, random = ("erase", slot, site), ("random", slot, site)
    own = Items.of(
        images.clusters,
        (images.slot(slot), images.slot(slot, erase), images.slot(slot, random)),
    )
    guess = guess_of(images.values(slot)[own.prompts])
    use = difference_of(own, 1, 2)
    shares = [clustered_share(each, own.clusters) for each in own.verdicts]
    steered = unsteered = followed = None
    moved = images.slot(slot, ("steer", slot, site))
    before = images.slot(slot, ("steer", slot, UNCHANGED))
    pairs = Items.of(images.clusters, (before, moved))
    if len(pairs.prompts):
        unsteered, steered = (clustered_share(each, pairs.clusters) for each in pairs.verdicts)
        followed = difference_of(pairs, 0, 1)
    return SlotUse(
        slot=slot,
        site=site,
        unchanged=shares[0],
        erased=shares[1],
        random=shares[2],
        use=use,
        others={
            other: _drop(images, other, erase, random)
            for other in images.unchanged
            if other != slot
        },
        guess=guess,
        verdict="unclear",
        steered=steered,
        unsteered=unsteered,
        followed=followed,
    )


def _with_verdict(found: SlotUse, *, works: bool) -> SlotUse:
    """The same with its verdict; `works` where some slot of the site follows an exchange."""
    erased = erasing(found.use, found.random, found.guess)
    verdict, reason = use_verdict(erased, _steering(found, works=works))
    return replace(found, verdict=verdict, reason=reason)


def _steering(found: SlotUse, *, works: bool) -> Witness | None:
    if found.followed is None or found.unsteered is None:
        return None
    return steering(found.followed, found.unsteered, works=works)


def _drop(
    images: DrawnImages, other: str, erase: tuple[str, str, str], random: tuple[str, str, str]
) -> Interval:
    """Another slot's drop beyond the control's."""
    own = Items.of(images.clusters, (images.slot(other, erase), images.slot(other, random)))
    return difference_of(own, 0, 1)


def _context(images: DrawnImages) -> Iterator[ContextNeed]:
    """Of every slot that is judged where words were encoded by themselves."""
    key = ("context", "", TEXT)
    for slot in images.changed.get(key, {}):
        own = Items.of(images.clusters, (images.slot(slot), images.slot(slot, key)))
        if len(own.prompts):
            whole, alone = (clustered_share(each, own.clusters) for each in own.verdicts)
            yield ContextNeed(slot, whole, alone, difference_of(own, 1, 0))


def difference_of(items: Items, first: int, second: int) -> Interval:
    """The share of the `second` verdicts less that of the `first`, paired; both by their place."""
    if not len(items.prompts):
        return undefined()
    verdicts = items.verdicts
    return PairedCounts.of(verdicts[first], verdicts[second], items.clusters).interval()
