"""Pipelines that guide otherwise: which part of their batches is read, and in which stage."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from t2i_audit.activations.denoiser import DenoiserRecorder, denoiser_blocks
from t2i_audit.activations.following import sequences_in
from t2i_audit.activations.store import FeaturePart
from t2i_audit.generation import Sampled, cut_batches, sample_batch
from t2i_audit.models import LoadedModel
from t2i_audit.settings import PictureOptions
from tests.families.checkpoints import FAMILIES
from tests.families.guided import PERTURBED
from tests.tiny import tiny_prompts

PROMPTS = tiny_prompts(4)


def sample(
    model: LoadedModel, name: str, guidance: float | None, *, size: int = 4
) -> tuple[list[Sampled], list[FeaturePart]]:
    """The pictures of all prompts, and what is recorded at their first step."""
    side = FAMILIES[name].side
    options = PictureOptions(height=side, width=side)
    recorder = DenoiserRecorder(model.pipeline, steps=(0,))
    sampled, parts = [], []
    for batch in cut_batches(PROMPTS, seeds=1, batch_size=size):
        sampled.append(
            sample_batch(
                model, batch, steps=2, guidance_scale=guidance, recorder=recorder, options=options
            )
        )
        parts.append(recorder.take())
    return sampled, parts


@pytest.mark.parametrize("size", [1, 4])
@pytest.mark.parametrize("guidance", [None, 1.0])
@pytest.mark.parametrize("name", PERTURBED)
def test_the_part_that_is_recorded_is_not_the_perturbed_one(
    name: str,
    guidance: float | None,
    size: int,
    family_model: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """At the first step it is what the pipeline computes without any perturbation.

    A scale of 1 leaves no unconditional part, so that the prompts' is the first of two.
    """
    if name == "hunyuan-dit-pag" and guidance == 1:
        pytest.skip("unguided, its pipeline triples the pictures' sizes for a batch of two parts")
    model: LoadedModel = family_model(name)
    pictures, parts = sample(model, name, guidance, size=size)
    monkeypatch.setattr(model.pipeline, "pag_applied_layers", [])
    plain_pictures, plain_parts = sample(model, name, guidance, size=size)

    for part, plain in zip(parts, plain_parts, strict=True):
        assert part.arrays.keys() == plain.arrays.keys()
        for key, values in part.arrays.items():
            np.testing.assert_allclose(values, plain.arrays[key], atol=1e-5, err_msg=str(key))
    assert any(
        not np.array_equal(one.images, other.images)
        for one, other in zip(pictures, plain_pictures, strict=True)
    )


@pytest.mark.parametrize("name", PERTURBED)
def test_the_perturbed_part_of_a_batch_differs_in_some_block(name: str, family_model: Any) -> None:
    """Were it the one recorded, the test above would see it."""
    model: LoadedModel = family_model(name)
    kept: list[Any] = []
    _, blocks = denoiser_blocks(model.pipeline)
    handles = [
        block.register_forward_hook(lambda _, __, output: kept.append(sequences_in(output)[-1]))
        for block in blocks.values()
    ]
    sample(model, name, None)
    for handle in handles:
        handle.remove()
    # Unconditional, conditional, perturbed.
    parts = [each.chunk(3) for each in kept[: len(blocks)]]

    assert all(len(each) == 3 * len(PROMPTS) for each in kept)
    assert any((one - other).abs().max() > 1e-3 for _, one, other in parts)
