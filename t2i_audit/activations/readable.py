"""The reading rule: where a slot may be decoded from, decided here and nowhere else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from t2i_audit.results.place import SUMMARY_POSITIONS, Place, Position
from t2i_audit.run.features import Features, Station

if TYPE_CHECKING:
    import numpy as np

    from prompts.structure import Prompt
    from t2i_audit.probes.features import FeatureBlock


def readable_at(prompt: Prompt, slot: str, *, station: Station) -> frozenset[Position]:
    """The positions at which `slot` of `prompt` may be decoded.

    These are the summary positions, which a generator reads for anything, and those of the slot's
    partners: the other parts of the same object, or the nouns of a relation. In a text encoder the
    slot's own words are never among them, because there the answer is the input. In the denoiser a
    slot's position is the region of the image that attends to those words. The words themselves
    are not there, so the slot's own region is read too.
    """
    if prompt.constituent(slot) is None:
        return frozenset()
    slots = {part.slot for part in prompt.partners(slot)}
    if station == "denoiser":
        slots.add(slot)
    return frozenset([*map(Position, SUMMARY_POSITIONS), *map(Position.of_slot, slots)])


def targets_at(
    prompts: Sequence[Prompt], position: Position, *, station: Station
) -> frozenset[str]:
    """The slots that may be decoded at `position` in every prompt that has both.

    The text tokens inside a denoiser are read as those of a text encoder are.
    """
    if position.tokens_of is not None:
        station, position = "text_encoder", replace(position, tokens_of=None)
    allowed: dict[str, bool] = {}
    for prompt in prompts:
        if position.is_slot and prompt.constituent(position.name) is None:
            continue
        for part in prompt.constituents:
            readable = position in readable_at(prompt, part.slot, station=station)
            allowed[part.slot] = allowed.get(part.slot, True) and readable
    return frozenset(slot for slot, readable in allowed.items() if readable)


def feature_blocks(
    features: Sequence[Features],
    prompts: Sequence[Prompt],
    rows: Sequence[int] | None = None,
    *,
    held: Mapping[str, np.ndarray] | None = None,
) -> list[FeatureBlock]:
    """`features` as the probes take them, each with the slots that may be read there.

    Nothing is loaded.

    Args:
        features: of one station.
        prompts: those to probe.
        rows: those of `features` that belong to `prompts`, in order; all of them if None.
        held: encoder -> ``(n,)`` rows of `features` that may be read of it; of an encoder that is
            not here nothing is read. Everything may be read if None.
    """
    import numpy as np

    from t2i_audit.probes.features import FeatureBlock

    order = None if rows is None else np.array(rows, dtype=int)
    targets: dict[tuple[Position, Station], frozenset[str]] = {}
    places = [Place.parse(each.encoder, each.layer, each.position) for each in features]
    for each, place in zip(features, places, strict=True):
        key = place.position, each.station
        if key not in targets:
            targets[key] = targets_at(prompts, place.position, station=each.station)
    readable = [
        (each, place, each.valid if held is None else each.valid & held[each.encoder])
        for each, place in zip(features, places, strict=True)
        if held is None or each.encoder in held
    ]
    return [
        FeatureBlock(
            station=each.station,
            place=place,
            values=each.values,
            valid=valid if order is None else valid[order],
            targets=targets[place.position, each.station],
            order=order,
        )
        for each, place, valid in readable
    ]
