"""The reading rule: where a slot may be decoded from, decided here and nowhere else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from prompts.structure import TEXT_MARK, WORDLESS
from t2i_audit.activations.features import Features, Station

if TYPE_CHECKING:
    import numpy as np

    from prompts.structure import Prompt
    from t2i_audit.probes.features import FeatureBlock


def text_position(position: str, encoder: str) -> str:
    """The name of `position` among an encoder's tokens inside a denoiser."""
    return f"{position}{TEXT_MARK}{encoder}"


def readable_at(prompt: Prompt, slot: str, *, station: Station) -> frozenset[str]:
    """The positions at which `slot` of `prompt` may be decoded.

    These are the positions that belong to no word, which a generator reads for anything, and those
    of the slot's partners: the other parts of the same object, or the nouns of a relation. In a
    text encoder never the slot's own words, where the answer is the input. In the denoiser a slot's
    position is the image's region that attends to those words, and what is there is no word, so
    the slot's own region is read too.
    """
    if prompt.constituent(slot) is None:
        return frozenset()
    partners = {part.slot for part in prompt.partners(slot)}
    own = {slot} if station == "denoiser" else set()
    return WORDLESS | partners | own


def targets_at(prompts: Sequence[Prompt], position: str, *, station: Station) -> frozenset[str]:
    """The slots that may be decoded at `position` in every prompt that has both."""
    position, _, encoder = position.partition(TEXT_MARK)
    if encoder:
        station = "text_encoder"
    allowed: dict[str, bool] = {}
    for prompt in prompts:
        if position not in WORDLESS and prompt.constituent(position) is None:
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
    targets: dict[tuple[str, Station], frozenset[str]] = {}
    for each in features:
        place = (each.position, each.station)
        if place not in targets:
            targets[place] = targets_at(prompts, each.position, station=each.station)
    readable = [
        (each, each.valid if held is None else each.valid & held[each.encoder])
        for each in features
        if held is None or each.encoder in held
    ]
    return [
        FeatureBlock(
            station=each.station,
            encoder=each.encoder,
            layer=each.layer,
            position=each.position,
            values=each.values,
            valid=valid if order is None else valid[order],
            targets=targets[each.position, each.station],
            order=order,
        )
        for each, valid in readable
    ]
