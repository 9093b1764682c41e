"""From judged images and what the probes found to the causes of the wrong images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from prompts.structure import Prompt
from t2i_audit.analysis import Attribution, DecodedSlot, attribute
from t2i_audit.probes.decoded import StationProbes
from t2i_audit.results.decoding import DENOISER, TEXT_ENCODER

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]


def attribute_prompts(
    prompts: Sequence[Prompt],
    success: FloatArray,
    slot_correct: Mapping[str, FloatArray],
    stations: Mapping[str, StationProbes],
    attributable: BoolArray,
) -> Attribution:
    """The causes of the wrong images of those prompts for which causes are given.

    Args:
        prompts: the suite's `n` prompts.
        success: 1 for a right image, 0 for a wrong one, NaN for one left out, `(n, seeds)`.
        slot_correct: the same for each slot that the judge judges.
        stations: what was probed, each of all `n` prompts.
        attributable: those for which causes are given, `(n,)`.
    """
    own = [prompt for prompt, own_part in zip(prompts, attributable, strict=True) if own_part]
    slots = sorted({part.slot for prompt in own for part in prompt.constituents})
    readings = {
        station: {slot: _decoded(probes, slot, own, attributable) for slot in probes.decodability}
        for station, probes in stations.items()
    }
    return attribute(
        success[attributable],
        {slot: [p.constituent(slot) is not None for p in own] for slot in slots},
        readings.get(TEXT_ENCODER, {}),
        denoiser=readings.get(DENOISER),
        slot_correct={slot: right[attributable] for slot, right in slot_correct.items()} or None,
        heads={
            slot: sorted({head.slot for prompt in own for head in prompt.heads(slot)})
            for slot in slots
            if any(prompt.heads(slot) for prompt in own)
        },
    )


def _decoded(
    probes: StationProbes, slot: str, prompts: Sequence[Prompt], rows: BoolArray
) -> DecodedSlot:
    """One slot as it was read at `rows`, those of `prompts`."""
    read, figures = probes.decodability[slot], probes.slots[slot]
    parts = [prompt.constituent(slot) for prompt in prompts]
    # An end that was cut off at 0 or 1 is too near.
    error = np.fmax(read.upper - read.probability, read.probability - read.lower)
    return DecodedSlot(read.probability[rows], error[rows], figures.threshold).without_guesses(
        ["" if part is None else part.value for part in parts], figures.read_as
    )
