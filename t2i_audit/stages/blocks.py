"""The denoiser's blocks: what each tells apart is compared with what the one before it does."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from prompts.structure import Prompt
from t2i_audit.activations.denoiser import GRID
from t2i_audit.models.loaded import LoadedModel
from t2i_audit.probes.rows import Rows
from t2i_audit.probes.told_apart import lost_in_blocks
from t2i_audit.results.blocks import BlocksSummary
from t2i_audit.results.place import Place
from t2i_audit.run.directory import RunDirectory
from t2i_audit.run.features import Features, open_features
from t2i_audit.stages.files import DENOISER


def probe_blocks(
    run: RunDirectory, loaded: LoadedModel, prompts: Sequence[Prompt], *, seed: int
) -> BlocksSummary | None:
    """Compare the blocks that were recorded at `prompts`; None where no block can be compared."""
    component = loaded.adapter.denoiser
    by_step: dict[int, dict[str, Features]] = {}
    if any(prompt.constituents for prompt in prompts):
        for each in open_features(run.path / DENOISER):
            place = Place.parse(each.encoder, each.layer, each.position)
            if each.encoder == component and each.position == GRID and place.step is not None:
                by_step.setdefault(place.step, {})[place.layer] = each
    every = [each for blocks in by_step.values() for each in blocks.values()]
    compared = len(every) - len(by_step)
    with run.stage("compare blocks", len(every) if compared > 0 else 0) as advance:
        if component is None or compared <= 0:
            return None
        held = np.flatnonzero(np.logical_and.reduce([each.valid for each in every]))
        lost, pairs = lost_in_blocks(
            [prompts[row] for row in held.tolist()],
            {
                step: {name: Rows(each.values, held) for name, each in blocks.items()}
                for step, blocks in by_step.items()
            },
            seed=seed,
            on_block=lambda: advance(1),
        )
    return BlocksSummary(component, len(held), compared, pairs, lost)
