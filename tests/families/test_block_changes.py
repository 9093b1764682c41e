"""What a denoiser's blocks hand on is changed in the prompts' own rows, and nowhere else."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from t2i_audit.activations.denoiser import DenoiserRecorder
from t2i_audit.activations.denoiser.inputs import outputs_of
from t2i_audit.activations.denoiser.reader import RecordedCall
from t2i_audit.errors import ModelError
from t2i_audit.generation import Sampled, cut_batches, sample_batch, sampling_defaults
from t2i_audit.generation.sampling import Sampling
from t2i_audit.interventions.block_states import held_states, with_states
from t2i_audit.interventions.blocks import BlockInterventions
from t2i_audit.models.loaded import LoadedModel
from t2i_audit.settings import ImageOptions
from tests.families.checkpoints import FAMILIES
from tests.families.sampling import layout_of
from tests.tiny import tiny_prompts

PROMPTS = tiny_prompts(2)
(BATCH,) = cut_batches(PROMPTS, seeds=1, batch_size=2)
# A UNet with skip connections; joint blocks with image and text apart, and in one sequence;
# cross-attention in a transformer; rows of tokens first.
NAMES = (
    "stable-diffusion-1", "stable-diffusion-3", "flux-1", "pixart-alpha", "qwen-image", "hidream",
)  # fmt: skip


def draw(model: LoadedModel, name: str, change: Any = None) -> Sampled:
    guidance = sampling_defaults(model).guidance_scale
    side = FAMILIES[name].side
    options = ImageOptions(height=side, width=side)
    recorder = None
    if change is not None:
        layout = layout_of(model, name, PROMPTS, guidance)
        recorder = DenoiserRecorder(model.pipeline, steps=(), layout=layout, change=change)
    return sample_batch(
        model, BATCH, steps=2, guidance_scale=guidance, recorder=recorder, options=options
    )


@pytest.mark.parametrize("name", NAMES)
def test_what_is_put_back_as_it_was_changes_no_image(name: str, family_model: Any) -> None:
    steps: set[int] = set()

    def same(call: RecordedCall, path: str, output: Any) -> Any:
        steps.add(call.step)
        held = held_states(call, path, output)
        return with_states(call, path, output, {each: held[each].vectors for each in held})

    model = family_model(name)
    plain, replaced = draw(model, name), draw(model, name, same)

    assert steps == {0, 1}
    np.testing.assert_array_equal(plain.images, replaced.images)


@pytest.mark.parametrize("name", NAMES)
def test_a_change_reaches_the_prompts_rows_of_the_image_alone(name: str, family_model: Any) -> None:
    """Every other value of the output is the same bit for bit, and the output itself stays."""
    seen = 0

    def moved(call: RecordedCall, path: str, output: Any) -> Any:
        nonlocal seen
        before = {each: value.clone() for each, value in outputs_of(output).items()}
        new = {}
        for each, held in held_states(call, path, output).items():
            for part, (rows, positions) in held.places.items():
                if part.encoder == "":
                    held.vectors[rows, positions] += 1
            new[each] = held.vectors
        changed = outputs_of(with_states(call, path, output, new))
        for each, value in outputs_of(output).items():
            assert torch.equal(value, before[each])
            differs = (changed[each] != value).flatten(2).any(dim=2) if value.ndim > 2 else None
            if differs is None or not differs.any():
                continue
            seen += 1
            place = call.places.image[path]
            rows_first = differs.T if place.tokens_first else differs
            assert rows_first.any(dim=1).nonzero().flatten().tolist() == sorted(call.rows)
        return None

    draw(family_model(name), name, moved)

    assert seen


def test_the_skip_connections_of_a_unet_take_the_change(family_model: Any) -> None:
    """Else the up blocks would get past the change what was erased from it."""
    handed_on: dict[str, list[str]] = {}

    def look(call: RecordedCall, path: str, output: Any) -> Any:
        held = held_states(call, path, output)
        new = {each: states.vectors + 1 for each, states in held.items()}
        changed = outputs_of(with_states(call, path, output, new))
        same = [each for each, value in outputs_of(output).items() if value is changed[each]]
        handed_on[path] = same
        return None

    draw(family_model("stable-diffusion-1"), "stable-diffusion-1", look)

    assert handed_on
    assert not any(handed_on.values())


def test_a_family_whose_places_are_known_afterwards_is_refused(family_model: Any) -> None:
    model = family_model("lumina-2")
    side = FAMILIES["lumina-2"].side
    sampling = Sampling(
        2, sampling_defaults(model).guidance_scale, 1, 2, True, ImageOptions(side, side)
    )

    with pytest.raises(ModelError, match="depends on each prompt"):
        BlockInterventions.fit(model, PROMPTS, sampling, seed=0)
