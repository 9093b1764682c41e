"""What a judge says of a run's images beside what their labels say."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from prompts.structure import Prompt
from t2i_audit.labels.label import Label
from t2i_audit.printable import counted
from t2i_audit.stats.two_phase import TwoPhase

# With fewer labels than this in a stratum its share is a guess, and with fewer in all a rate is.
FEWEST_IN_STRATUM = 5
FEWEST_LABELS = 20

Image = tuple[str, int]
"""Prompt id and seed."""


@dataclass(frozen=True)
class Item:
    """One thing that a judge judges of an image: the whole prompt, or a slot."""

    image: Image
    slot: str
    """Empty for the whole prompt."""
    asks: str
    """What is asked: the kind of the slot, or the type of the prompt."""
    type: str
    split: str
    """Empty where the prompt is in no split."""
    verdict: bool
    probability: float
    """That it is right, in the judge's opinion; NaN if it has none."""
    truth: bool | None = None
    """None where it is not labelled, or its raters are divided."""
    weight: float = 0.0
    """How many items the label stands for, up to a factor."""


@dataclass(frozen=True)
class Opinion:
    """What the majority of raters says of one image; None where they are divided or silent."""

    correct: bool | None
    slots: Mapping[str, bool | None]
    weight: float


def opinions(labels: Iterable[Label]) -> dict[Image, Opinion]:
    """The majority's opinion on each labelled image; a rater without an opinion does not count."""
    by_image: dict[Image, list[Label]] = {}
    for label in labels:
        by_image.setdefault((label.prompt_id, label.seed), []).append(label)
    return {image: _opinion(own) for image, own in by_image.items()}


def judged_items(
    rows: Sequence[Mapping[str, Any]], prompts: Sequence[Prompt], said: Mapping[Image, Opinion]
) -> list[Item]:
    """Every item that the judge decided, with its label if there is one.

    Args:
        rows: one judge's rows of the table ``judgements``.
        prompts: of the run.
        said: the opinion on each labelled image.
    """
    prompt_of = {prompt.id: prompt for prompt in prompts}
    return [item for row in rows for item in _items(row, prompt_of[str(row["prompt_id"])], said)]


def slot_kinds(prompt: Prompt) -> dict[str, str]:
    """The kind of each slot of `prompt`."""
    return {part.slot: part.kind for part in prompt.constituents}


def whole(items: Iterable[Item]) -> list[Item]:
    """Those items that are whole prompts."""
    return [item for item in items if not item.slot]


def slots_by_kind(items: Iterable[Item]) -> dict[str, list[Item]]:
    """Those items that are slots, by the slot's kind."""
    kinds: dict[str, list[Item]] = {}
    for item in items:
        if item.slot:
            kinds.setdefault(item.asks, []).append(item)
    return dict(sorted(kinds.items()))


def slots_of(items: Iterable[Item]) -> dict[str, list[Item]]:
    """Those items that are slots, by the slot."""
    slots: dict[str, list[Item]] = {}
    for item in items:
        if item.slot:
            slots.setdefault(item.slot, []).append(item)
    return dict(sorted(slots.items()))


def two_phase(items: Sequence[Item]) -> TwoPhase | str:
    """The items as a two-phase sample, or why they are too few for one.

    The strata are the verdict by what is asked. Those with fewer than `FEWEST_IN_STRATUM` labels
    are joined with the others of the same verdict.
    """
    labelled = sum(item.truth is not None for item in items)
    if not items:
        return "the judge decided nothing"
    if labelled < min(FEWEST_LABELS, len(items)):
        return f"{counted(labelled, 'label')} for {len(items):,}; at least {FEWEST_LABELS} needed"
    strata: list[str] = [f"{item.verdict} {item.asks}" for item in items]
    for verdict in (True, False):
        own = [row for row, item in enumerate(items) if item.verdict is verdict]
        _join_small(items, strata, own, f"{verdict}")
        short = own and _shortfall(items, own)
        if short:
            called = "right" if verdict else "wrong"
            return f"of {len(own):,} that the judge calls {called}, {short}"
    return TwoPhase.of(
        verdict=[item.verdict for item in items],
        truth=[np.nan if item.truth is None else float(item.truth) for item in items],
        stratum=strata,
        cluster=[item.image[0] for item in items],
        weight=[item.weight for item in items],
    )


def _join_small(items: Sequence[Item], strata: list[str], own: Sequence[int], joined: str) -> None:
    """Give the rows `own` one stratum where a stratum among them has too few labels."""
    rows_of: dict[str, list[int]] = {}
    for row in own:
        rows_of.setdefault(strata[row], []).append(row)
    small = [rows for rows in rows_of.values() if _shortfall(items, rows)]
    pool = [row for rows in small for row in rows]
    if small and _shortfall(items, pool):
        pool = list(own)
    for row in pool:
        strata[row] = joined


def _shortfall(items: Sequence[Item], rows: Sequence[int]) -> str:
    """What is missing for the share of a stratum; empty if nothing is."""
    labelled = sum(items[row].truth is not None for row in rows)
    if labelled >= min(FEWEST_IN_STRATUM, len(rows)):
        return ""
    are = "is" if labelled == 1 else "are"
    return f"{labelled or 'none'} {are} labelled; at least {FEWEST_IN_STRATUM} needed"


def _items(row: Mapping[str, Any], prompt: Prompt, said: Mapping[Image, Opinion]) -> Iterator[Item]:
    image = str(row["prompt_id"]), int(row["seed"])
    opinion = said.get(image)
    of_prompt = Item(
        image, "", prompt.type, prompt.type, prompt.split or "", False, row["probability"]
    )
    if row["correct"] is None:
        return
    truth = None if opinion is None else opinion.correct
    yield _with_truth(replace(of_prompt, verdict=row["correct"]), truth, opinion)
    kinds = slot_kinds(prompt)
    for slot, verdict in row["slots"].items():
        if verdict is None or slot not in kinds:
            continue
        item = replace(
            of_prompt,
            slot=slot,
            asks=kinds[slot],
            verdict=verdict,
            probability=row["slot_probabilities"].get(slot, np.nan),
        )
        yield _with_truth(item, None if opinion is None else opinion.slots.get(slot), opinion)


def _with_truth(item: Item, truth: bool | None, opinion: Opinion | None) -> Item:
    if truth is None or opinion is None:
        return item
    return replace(item, truth=truth, weight=opinion.weight)


def _opinion(labels: Sequence[Label]) -> Opinion:
    slots = dict.fromkeys(slot for label in labels for slot in label.slots)
    return Opinion(
        correct=_majority(label.correct for label in labels),
        slots={slot: _majority(label.slots.get(slot) for label in labels) for slot in slots},
        weight=float(np.mean([label.weight for label in labels])),
    )


def _majority(votes: Iterable[bool | None]) -> bool | None:
    counts = Counter(vote for vote in votes if vote is not None)
    if counts[True] == counts[False]:
        return None
    return counts[True] > counts[False]
