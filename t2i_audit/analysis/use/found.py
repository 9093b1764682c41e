"""All that the interventions on one run show."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from prompts.structure import Prompt
from t2i_audit.analysis.lost import DecodedSlot
from t2i_audit.analysis.use.culprits import RESAMPLES, culprit_of
from t2i_audit.analysis.use.drawn import DrawnImages
from t2i_audit.analysis.use.estimates import estimate_use
from t2i_audit.printable import counted
from t2i_audit.results.decoding import TEXT_ENCODER, StationSummary
from t2i_audit.results.summary import RunSummary
from t2i_audit.results.use import TEXT, UNCHANGED, Use
from t2i_audit.results.vae import VaeSummary

Row = Mapping[str, Any]


def use_of(
    prompts: Sequence[Prompt],
    judged: Sequence[Row],
    rows: Sequence[Row],
    *,
    summary: RunSummary,
    decodability: Iterable[Row],
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> Use:
    """The use of every slot, and who is to blame where it is wrong.

    Args:
        prompts: of the run, all of them.
        judged: rows of the table ``judgements``, those of the primary judge.
        rows: rows of the table ``use``, those of the primary judge.
        summary: of the run.
        decodability: rows of the table ``decodability``.
        seed: of the resampling behind the culprits.
        resamples: of it.
    """
    images = DrawnImages.of(prompts, judged, rows, seeds=summary.n_seeds)
    slots, context = estimate_use(images)
    encoder = decoded_slots(prompts, summary.stations.get(TEXT_ENCODER), decodability)
    rng = np.random.default_rng(seed)
    given = {each.slot: each for each in slots if each.site == TEXT}
    culprits = tuple(
        culprit_of(
            slot,
            images,
            encoder,
            given.get(slot),
            merged=_merged(slot, prompts, summary.vae),
            rng=rng,
            resamples=resamples,
        )
        for slot in images.unchanged
    )
    made = [row for row in rows if row["site"] != UNCHANGED]
    return Use(
        model=summary.model,
        suite=summary.suite,
        judge=summary.judge or "",
        n_prompts=len({row["prompt_id"] for row in made}),
        n_seeds=len({row["seed"] for row in made}),
        n_images=len(made),
        slots=slots,
        context=context,
        culprits=culprits,
        notes=tuple(_notes(made)),
    )


def decoded_slots(
    prompts: Sequence[Prompt], station: StationSummary | None, rows: Iterable[Row]
) -> dict[str, DecodedSlot]:
    """What the text encoder's probe says of each prompt, by slot, from the table
    ``decodability``."""
    if station is None:
        return {}
    place = {prompt.id: row for row, prompt in enumerate(prompts)}
    nothing = np.full((3, len(prompts)), np.nan)
    read = {slot: nothing.copy() for slot in station.slots}
    for row in rows:
        if row["station"] == TEXT_ENCODER and row["slot"] in read and row["prompt_id"] in place:
            figures = [float(row[name]) for name in ("probability", "lower", "upper")]
            read[row["slot"]][:, place[row["prompt_id"]]] = figures
    found = {}
    for slot, (probability, lower, upper) in read.items():
        if np.isnan(probability).all():
            continue
        values = [_value(prompt, slot) for prompt in prompts]
        error = np.fmax(upper - probability, probability - lower)
        own = DecodedSlot(probability, error, station.slots[slot].threshold)
        found[slot] = own.without_guesses(values, station.slots[slot].read_as)
    return found


def _merged(slot: str, prompts: Sequence[Prompt], vae: VaeSummary | None) -> set[str]:
    """The values of a slot that the VAE merges with another."""
    parts = (prompt.constituent(slot) for prompt in prompts)
    kinds = {part.kind for part in parts if part is not None}
    lost = () if vae is None else vae.lost
    return {value for pair in lost if pair.kind in kinds for value in pair.values}


def _value(prompt: Prompt, slot: str) -> str:
    part = prompt.constituent(slot)
    return "" if part is None else part.value


def _notes(made: Sequence[Row]) -> Iterator[str]:
    unjudged = sum(row["correct"] is None for row in made)
    if unjudged:
        yield f"{counted(unjudged, 'changed image')} without a verdict left out."
    yield (
        "A linear eraser leaves what is not linear, so that a use may be larger than it shows; one "
        "random subspace of each rank is the control."
    )
