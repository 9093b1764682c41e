"""The denoiser station looks on: it keeps block outputs and changes no image."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from t2i_audit.activations.denoiser import DenoiserRecorder, default_steps
from t2i_audit.activations.denoiser.attention import grid_shape
from t2i_audit.activations.text.positions import locate
from t2i_audit.generation.batches import Batch, cut_batches
from t2i_audit.generation.sampler import sample_batch
from t2i_audit.models.loaded import LoadedModel
from t2i_audit.pipelines.denoiser import denoiser_blocks
from t2i_audit.run.features import FeaturePart
from tests.tiny import GUIDANCE, STEPS, tiny_prompts

PROMPTS = tiny_prompts(6, seed=1)
(BATCH,) = cut_batches(PROMPTS, seeds=1, batch_size=6)


def record(tiny: LoadedModel, batch: Batch, *, guidance: float = GUIDANCE) -> FeaturePart:
    recorder = DenoiserRecorder(tiny.pipeline, steps=default_steps(STEPS))
    sample_batch(tiny, batch, steps=STEPS, guidance_scale=guidance, recorder=recorder)
    return recorder.take()


class Probe:
    """Keeps every output of a module, in full: the second opinion."""

    def __init__(self, module: nn.Module) -> None:
        self.outputs: list[Any] = []
        self.handle = module.register_forward_hook(lambda _, __, out: self.outputs.append(out))

    def __enter__(self) -> Probe:
        return self

    def __exit__(self, *_: object) -> None:
        self.handle.remove()


def test_images_are_the_same_bit_for_bit_with_and_without_it(tiny: LoadedModel) -> None:
    plain = sample_batch(tiny, BATCH, steps=STEPS, guidance_scale=GUIDANCE)
    recorder = DenoiserRecorder(tiny.pipeline, steps=default_steps(STEPS))
    watched = sample_batch(tiny, BATCH, steps=STEPS, guidance_scale=GUIDANCE, recorder=recorder)

    np.testing.assert_array_equal(plain.images, watched.images)


def test_every_top_level_block_is_kept_at_both_steps(tiny: LoadedModel) -> None:
    kept = {layer for _, layer, position in record(tiny, BATCH).arrays if position == "grid"}
    blocks = ("down_blocks.0", "down_blocks.1", "mid_block", "up_blocks.0", "up_blocks.1")

    assert kept == {f"{block}@step_{step}" for block in blocks for step in (0, 1)}


@pytest.mark.parametrize("step", [0, 1])
def test_the_grid_is_the_mean_of_each_quarter_of_the_conditional_half(
    tiny: LoadedModel, step: int
) -> None:
    with Probe(tiny.pipeline.unet.mid_block) as probe:
        part = record(tiny, BATCH)
    state = probe.outputs[step][6:]  # (6, c, 4, 4); the first six are unconditional
    quarters = [state[:, :, y : y + 2, x : x + 2].mean(dim=(2, 3)) for y in (0, 2) for x in (0, 2)]
    expected = torch.stack(quarters, dim=2).flatten(1).numpy()

    actual = part.arrays["unet", f"mid_block@step_{step}", "grid"]
    np.testing.assert_allclose(actual, expected, atol=1e-5)


def test_without_guidance_the_whole_batch_is_conditional(tiny: LoadedModel) -> None:
    with Probe(tiny.pipeline.unet.mid_block) as probe:
        part = record(tiny, BATCH, guidance=1.0)
    expected = probe.outputs[0].mean(dim=(2, 3)).numpy()
    grid = part.arrays["unet", "mid_block@step_0", "grid"].reshape(6, -1, 4)

    np.testing.assert_allclose(grid.mean(axis=2), expected, atol=1e-5)


def test_a_slot_is_the_mean_weighted_by_attention_to_its_tokens(tiny: LoadedModel) -> None:
    """Against an attention map computed one prompt, one head and one token at a time."""
    block = tiny.pipeline.unet.mid_block
    (attention,) = [module for name, module in block.named_modules() if name.endswith("attn2")]
    with Probe(attention.to_q) as queries, Probe(attention.to_k) as keys, Probe(block) as states:
        part = record(tiny, BATCH)
    tokenizer = tiny.pipeline.tokenizer
    actual = part.arrays["unet", "mid_block@step_0", "object_1.shape"]
    for row, prompt in enumerate(PROMPTS):
        ids = tokenizer(prompt.text, padding="max_length").input_ids
        own = locate(tokenizer, prompt, ids).slots["object_1.shape"]
        query, key = queries.outputs[0][6 + row], keys.outputs[0][6 + row]
        width = query.shape[1] // attention.heads
        paid = torch.zeros(len(query))
        for head in range(attention.heads):
            cut = slice(head * width, (head + 1) * width)
            weights = torch.softmax(query[:, cut] @ key[:, cut].T / width**0.5, dim=1)
            for token in own:
                paid += weights[:, token]
        paid /= paid.sum()
        expected = states.outputs[0][6 + row].flatten(1) @ paid
        np.testing.assert_allclose(actual[row], expected.numpy(), atol=1e-5)


def test_a_prompt_without_a_slot_has_a_row_of_nan_there(tiny: LoadedModel) -> None:
    values = record(tiny, BATCH).arrays["unet", "mid_block@step_0", "relation"]
    expected = [prompt.constituent("relation") is None for prompt in PROMPTS]

    assert np.isnan(values).all(axis=1).tolist() == expected
    assert 0 < sum(expected) < len(expected)


def test_a_block_without_cross_attention_is_kept_as_a_grid_alone(tiny: LoadedModel) -> None:
    arrays = record(tiny, BATCH).arrays

    assert {p for _, layer, p in arrays if layer == "up_blocks.0@step_0"} == {"grid"}


def test_only_the_first_seed_of_a_prompt_is_recorded(tiny: LoadedModel) -> None:
    _, mixed, later = cut_batches(PROMPTS, seeds=2, batch_size=4)

    assert record(tiny, mixed).prompt_ids == (PROMPTS[4].id, PROMPTS[5].id)
    assert record(tiny, later).prompt_ids == ()


def test_what_is_kept_does_not_depend_on_the_batch(tiny: LoadedModel) -> None:
    whole = record(tiny, BATCH).arrays["unet", "up_blocks.1@step_1", "grid"]
    mixed = record(tiny, cut_batches(PROMPTS, seeds=2, batch_size=4)[1])

    np.testing.assert_allclose(
        mixed.arrays["unet", "up_blocks.1@step_1", "grid"], whole[4:], atol=1e-4
    )


def test_hooks_are_gone_afterwards(tiny: LoadedModel) -> None:
    modules = [*tiny.pipeline.unet.modules(), *tiny.pipeline.text_encoder.modules()]
    # Transformers leaves hooks of its own on encoders whose hidden states were asked for.
    before = [(len(each._forward_hooks), len(each._forward_pre_hooks)) for each in modules]

    record(tiny, BATCH)

    after = [(len(each._forward_hooks), len(each._forward_pre_hooks)) for each in modules]
    assert after == before


def test_a_transformer_is_recorded_at_the_end_of_each_quarter(tiny: LoadedModel) -> None:
    from diffusers import PixArtAlphaPipeline, PixArtTransformer2DModel

    transformer = PixArtTransformer2DModel(
        num_layers=8, num_attention_heads=2, attention_head_dim=8, in_channels=4,
        cross_attention_dim=16, sample_size=8, caption_channels=32,
    )  # fmt: skip
    parts = tiny.pipeline
    pipeline = PixArtAlphaPipeline(
        parts.tokenizer, parts.text_encoder, parts.vae, transformer, parts.scheduler
    )

    name, blocks = denoiser_blocks(pipeline)
    assert name == "transformer"
    assert list(blocks) == [f"transformer_blocks.{index}" for index in (1, 3, 5, 7)]


@pytest.mark.parametrize(
    ("length", "image", "expected"),
    [
        (64, (8, 8), (8, 8)),
        (16, (8, 8), (4, 4)),
        (15, (10, 6), (5, 3)),
        (6, (5, 3), (3, 2)),  # odd sides round up
        (17, (8, 8), None),
        (49, None, (7, 7)),
        (50, None, None),
    ],
)
def test_the_shape_of_a_grid_is_told_from_its_length(
    length: int, image: tuple[int, int] | None, expected: tuple[int, int] | None
) -> None:
    assert grid_shape(length, image) == expected
