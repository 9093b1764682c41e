"""Every family of pipelines: what is read is what the pipeline computes, at the right tokens."""

from __future__ import annotations

import inspect
import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import T5EncoderModel

from t2i_audit.activations.denoiser import GRID_SIDE, DenoiserRecorder
from t2i_audit.activations.random_weights import random_denoiser, random_text_encoders
from t2i_audit.activations.text.encode import EncodedSuite, encode_suite
from t2i_audit.activations.text.hooks import recording
from t2i_audit.errors import ModelError
from t2i_audit.generation import Sampled, cut_batches, sample_batch, sampling_defaults
from t2i_audit.models import load_model
from t2i_audit.models.loaded import LoadedModel
from t2i_audit.models.offload import is_offloaded
from t2i_audit.pipelines.arguments import image_size, pipeline_call
from t2i_audit.pipelines.components import pipeline_parts
from t2i_audit.pipelines.denoiser import denoiser_blocks
from t2i_audit.pipelines.prompt_encoding import encode_prompts
from t2i_audit.pipelines.text_encoders import text_encoders
from t2i_audit.run.features import FeaturePart
from t2i_audit.settings import ImageOptions
from tests.families.checkpoints import FAMILIES, JOINT
from tests.families.sampling import sample_recorded
from tests.families.text import sentence_pieces
from tests.families.which import every_family, others_slow
from tests.tiny import tiny_prompts

PROMPTS = tiny_prompts(4)
STEPS = (0, 1)
# In these the encoder's token states never leave the pipeline: pooled outputs alone do.
POOLED_ONLY = {
    ("flux-1", "text_encoder"),
    ("kandinsky-5", "text_encoder_2"),
    ("hidream", "text_encoder"),
    ("hidream", "text_encoder_2"),
}
# These encode what a prompt has in quotation marks, and do not run for prompts that have none.
QUOTED_ONLY = {("hunyuan-image", "text_encoder_2")}
# The pipeline scales every token's state to one length before it hands it on.
SCALED = {("bria-fibo-2", "text_encoder")}
# Denoisers that are given the text's tokens, and ask them by cross-attention.
CROSS = {
    "stable-diffusion-1", "stable-diffusion-2", "stable-diffusion-xl", "pixart-alpha",
    "pixart-sigma", "sana", "hunyuan-dit", "kolors", "lumina", "sana-sprint", "cosmos-2",
    "latent-consistency", "stable-diffusion-pag", "stable-diffusion-xl-pag", "sana-pag",
    "pixart-sigma-pag", "hunyuan-dit-pag", "kolors-pag",
}  # fmt: skip

# In these a prior draws noise for a negative prompt too, so none is taken.
DRAWING = {"kandinsky-2.1", "kandinsky-2.2"}


def sample(
    model: LoadedModel,
    name: str,
    prompts: Any = PROMPTS,
    *,
    batch_size: int = 4,
    negative_prompt: str | None = None,
    steps: tuple[int, ...] = STEPS,
) -> tuple[list[Sampled], list[FeaturePart]]:
    guidance = sampling_defaults(model).guidance_scale
    return sample_recorded(
        model, name, prompts, guidance,
        batch_size=batch_size, steps=steps, negative_prompt=negative_prompt,
    )  # fmt: skip


_RECORDS: dict[str, tuple[list[Sampled], list[FeaturePart]]] = {}


def first_record(name: str, family_model: Any) -> tuple[list[Sampled], list[FeaturePart]]:
    """All prompts in one batch; sampled once for all tests."""
    if name not in _RECORDS:
        _RECORDS[name] = sample(family_model(name), name)
    return _RECORDS[name]


def running_encoders(name: str, model: LoadedModel) -> list[Any]:
    every = text_encoders(model.pipeline)
    return [each for each in every if (name, each.name) not in QUOTED_ONLY]


@every_family
def test_every_constituent_is_found_at_its_own_tokens(name: str, family_model: Any) -> None:
    model: LoadedModel = family_model(name)
    encoders = running_encoders(name, model)
    with recording(encoders, states=False) as calls:
        encode_prompts(model.pipeline, [prompt.text for prompt in PROMPTS])
    encoded = encode_suite(model, PROMPTS)

    assert set(encoded.tokens) == {encoder.name for encoder in encoders}
    assert not encoded.truncated.any()
    for encoder in encoders:
        rows = [row for call in calls[encoder.name] for row in call.ids]
        for prompt, ids, tokens in zip(PROMPTS, rows, encoded.tokens[encoder.name], strict=True):
            for part in prompt.constituents:
                spelt = encoder.tokenizer.decode(ids[list(tokens.slots[part.slot])])
                assert spelt.split() == prompt.text[part.start : part.end].split()


@every_family
def test_the_token_states_are_what_encode_prompt_returns(name: str, family_model: Any) -> None:
    """Each prompt's vector at each of its tokens, looked for among all vectors returned."""
    model: LoadedModel = family_model(name)
    encoders = running_encoders(name, model)
    with recording(encoders) as calls:
        returned = encode_prompts(model.pipeline, [prompt.text for prompt in PROMPTS])
    tokens = encode_suite(model, PROMPTS).tokens
    for encoder in encoders:
        # Some pipelines encode each prompt by itself.
        where = [(call, line) for call in calls[encoder.name] for line in range(len(call.ids))]
        handed_on = any(
            all(
                any(_holds(tensor, row, call.states[layer][line, index]) for tensor in returned)
                for row, ((call, line), own) in enumerate(
                    zip(where, tokens[encoder.name], strict=True)
                )
                for index in own.content
            )
            for layer in where[0][0].states
        )

        assert handed_on == ((name, encoder.name) not in POOLED_ONLY | SCALED)


def _holds(tensor: torch.Tensor, row: int, vector: torch.Tensor) -> bool:
    """Whether `vector` is a run of channels of some token of `row`, by trying every start."""
    if tensor.ndim < 2 or tensor.shape[-1] < len(vector) or not tensor.is_floating_point():
        return False
    # Some pipelines return lists, an entry a prompt; some stack the layers before the prompts, some
    # behind the tokens.
    every = [tensor] if tensor.ndim == 2 else [tensor[..., row, :, :]]
    every += [tensor[row]] if tensor.ndim == 4 and row < len(tensor) else []
    # Some have the layers take turns channel by channel.
    if tensor.ndim == 3 and tensor.shape[-1] % len(vector) == 0:
        every += [tensor[row].unflatten(-1, (len(vector), -1)).transpose(-1, -2).flatten(1)]
    windows = [own.reshape(-1, own.shape[-1]).unfold(1, len(vector), 1) for own in every]
    return any(bool(torch.isclose(each, vector, atol=1e-5).all(-1).any()) for each in windows)


@every_family
def test_features_of_prompts_are_the_same_one_by_one(name: str, family_model: Any) -> None:
    if name == "cogview-4":
        pytest.skip("its pipeline has the encoder attend to as much padding as the batch needs")
    model: LoadedModel = family_model(name)
    together, alone = encode_suite(model, PROMPTS), encode_suite(model, PROMPTS, batch_size=1)

    assert _by_key(together).keys() == _by_key(alone).keys()
    for key, values in _by_key(together).items():
        np.testing.assert_allclose(_by_key(alone)[key], values, atol=2e-4, err_msg=str(key))


def _by_key(encoded: EncodedSuite) -> dict[tuple[str, str, str], np.ndarray]:
    return {(each.encoder, each.layer, each.position): each.values for each in encoded.features}


@every_family
def test_every_block_is_recorded_at_every_step(name: str, family_model: Any) -> None:
    model: LoadedModel = family_model(name)
    (sampled,), (part,) = first_record(name, family_model)
    component, blocks = denoiser_blocks(model.pipeline)
    grids = {key[1] for key in part.arrays if key[2] == "grid"}

    assert grids == {f"{block}@step_{step}" for block in blocks for step in STEPS}
    assert all(np.isfinite(part.arrays[component, layer, "grid"]).all() for layer in grids)
    assert sampled.finite.all()
    assert sampled.images.ndim == 4


@every_family
def test_words_are_read_where_the_denoiser_shows_them(name: str, family_model: Any) -> None:
    _, (part,) = first_record(name, family_model)
    positions = {position for _, _, position in part.arrays}

    assert any("@" in position for position in positions) == (name in JOINT)
    assert ("object_1.colour" in positions) == (name in CROSS)


@every_family
def test_an_image_and_its_record_are_the_same_whatever_the_batch(
    name: str, family_model: Any
) -> None:
    model: LoadedModel = family_model(name)
    (whole,), (part,) = first_record(name, family_model)
    halves, parts = sample(model, name, batch_size=2)

    pixels = np.concatenate([each.images for each in halves])
    assert np.abs(pixels.astype(int) - whole.images.astype(int)).max() <= 2
    for key, values in part.arrays.items():
        nothing = np.full((2, values.shape[1]), np.nan)  # neither prompt of the half has the slot
        together = np.concatenate([each.arrays.get(key, nothing) for each in parts])
        np.testing.assert_allclose(together, values, atol=2e-3, rtol=1e-2, err_msg=str(key))


@every_family
def test_the_conditional_part_of_a_guided_batch_is_the_one_recorded(
    name: str, family_model: Any
) -> None:
    """At the first step another negative prompt changes the unconditional part alone."""
    model: LoadedModel = family_model(name)
    call = inspect.signature(type(model.pipeline).__call__).parameters
    if "negative_prompt" not in call or name in DRAWING:
        with pytest.raises(ModelError, match="takes no --negative-prompt"):
            sample(model, name, negative_prompt="a green star")
        return
    (one,), (part,) = sample(model, name, negative_prompt="a green star", steps=(0,))
    (two,), (other,) = sample(model, name, negative_prompt="a blue cross", steps=(0,))

    for key, values in part.arrays.items():
        np.testing.assert_allclose(other.arrays[key], values, atol=1e-5, err_msg=str(key))
    guided = sampling_defaults(model).guidance_scale
    assert guided is not None
    # A scale of 1 or less means that there is no unconditional part.
    assert guided <= 1 or not np.array_equal(one.images, two.images)


@others_slow(FAMILIES)
def test_both_random_twins_read_at_the_same_places(name: str, family_model: Any) -> None:
    model: LoadedModel = family_model(name)
    own = encode_suite(model, PROMPTS)
    with random_text_encoders(model, seed=1) as other:
        twin = encode_suite(other, PROMPTS)
    _, (part,) = first_record(name, family_model)
    with random_denoiser(model, seed=1) as other:
        _, (random,) = sample(other, name)

    assert _by_key(own).keys() == _by_key(twin).keys()
    assert part.arrays.keys() == random.arrays.keys()
    assert all(np.isfinite(values).any() for values in random.arrays.values())


@others_slow(FAMILIES)
def test_networks_that_leave_the_device_while_idle_change_no_number(
    name: str, family_model: Any
) -> None:
    """With the CPU in the accelerator's place."""
    model: LoadedModel = family_model(name)
    expected = _everything(model, name)
    model.pipeline.enable_model_cpu_offload(device="cpu")
    assert is_offloaded(model.pipeline)
    found = _everything(model, name)
    for part in (model.pipeline, *pipeline_parts(model.pipeline).values()):
        part.remove_all_hooks()

    assert found.keys() == expected.keys()
    for key, values in expected.items():
        rounding = 1 if key == "images" else 1e-5  # of 255
        # CPUs round a few sums by where in memory their terms lie (seen in Kandinsky 2.2).
        np.testing.assert_allclose(found[key], values, rtol=1e-4, atol=rounding, err_msg=str(key))


def _everything(model: LoadedModel, name: str) -> dict[Any, np.ndarray]:
    """All features of the model and of its random twins, and its images."""
    own = _by_key(encode_suite(model, PROMPTS))
    with random_text_encoders(model, seed=1) as twin:
        random = _by_key(encode_suite(twin, PROMPTS))
    (sampled,), (part,) = sample(model, name)
    with random_denoiser(model, seed=1) as twin:
        _, (random_part,) = sample(twin, name, steps=(0,))
    features = {"own": own, "random": random, "part": part.arrays, "control": random_part.arrays}
    found = {(kind, *key): each for kind, own in features.items() for key, each in own.items()}
    return {**found, "images": sampled.images.astype(int)}


def test_as_many_prompts_as_tokens_are_told_apart_where_tokens_come_first(
    family_model: Any,
) -> None:
    """ChatGLM lays its states out ``(s, b, d)``; 256 prompts of 256 tokens look the other way."""
    model: LoadedModel = family_model("kolors")
    prompts = tiny_prompts(256)
    together = _by_key(encode_suite(model, prompts, batch_size=256))
    apart = _by_key(encode_suite(model, prompts, batch_size=100))

    assert together.keys() == apart.keys()
    for key, values in together.items():
        np.testing.assert_allclose(values, apart[key], atol=1e-5, err_msg=str(key))


def test_a_vocabulary_of_sentence_pieces_alone_is_read(family_folder: Any, tmp_path: Path) -> None:
    """As PixArt's checkpoints on the hub have it, with no ``tokenizer.json``."""
    folder = shutil.copytree(family_folder("pixart-alpha"), tmp_path / "pixart")
    words = folder / "tokenizer"
    (words / "tokenizer.json").unlink()
    sentence_pieces(words / "spiece.model", pad_id=0, eos_id=1, unk_id=2, bos_id=-1)
    settings = {"tokenizer_class": "T5Tokenizer", "extra_ids": 0, "model_max_length": 120}
    (words / "tokenizer_config.json").write_text(json.dumps(settings))
    encoder = T5EncoderModel.from_pretrained(folder / "text_encoder")
    encoder.resize_token_embeddings(400)
    encoder.save_pretrained(folder / "text_encoder")

    encoded = encode_suite(load_model(str(folder), device="cpu"), PROMPTS)

    assert encoded.tokens.keys() == {"text_encoder"}
    assert not encoded.truncated.any()


def test_gates_that_a_class_begins_with_closed_are_open_in_the_control(family_model: Any) -> None:
    model: LoadedModel = family_model("kandinsky-5")
    denoiser = model.pipeline.transformer
    begun = type(denoiser).from_config(denoiser.config)
    with random_denoiser(model, seed=1) as twin:
        control = twin.pipeline.transformer

    assert not all(each.any() for each in begun.parameters() if each.ndim > 1)
    assert all(each.any() for each in control.parameters() if each.ndim > 1)


@pytest.mark.parametrize(
    ("name", "encoder", "block", "shift"),
    [
        # Text first, the T5 tokens behind the 77 of CLIP.
        ("stable-diffusion-3", "text_encoder_3", "transformer_blocks.0", 77),
        ("flux-1", "text_encoder_2", "single_transformer_blocks.1", 0),
        # The first 34 tokens, of the template, are cut off.
        ("qwen-image", "text_encoder", "transformer_blocks.1", -34),
        # Image first, filled up to 32 tokens.
        ("z-image", "text_encoder", "layers.1", 32),
    ],
)
def test_words_inside_the_denoiser_are_where_the_familys_code_puts_them(
    name: str, encoder: str, block: str, shift: int, family_model: Any
) -> None:
    model: LoadedModel = family_model(name)
    sample(model, name, steps=(0,))  # which looks for the layout in calls of its own
    kept: list[Any] = []
    module = model.pipeline.transformer.get_submodule(block)
    handle = module.register_forward_hook(lambda _, __, output: kept.append(output))
    _, (part,) = sample(model, name, steps=(0,))
    handle.remove()
    # All four return the text before the image, or one sequence.
    states = kept[0] if isinstance(kept[0], torch.Tensor) else kept[0][0]
    # Guided batches of SD 3 begin with the unconditional part.
    states = states[-4:] if name == "stable-diffusion-3" else states[:4]
    tokens = encode_suite(model, PROMPTS).tokens[encoder]
    for slot in ("object_1.colour", "object_1.shape"):
        expected = [
            state[[index + shift for index in own.slots[slot]]].mean(dim=0).numpy()
            for state, own in zip(states, tokens, strict=True)
        ]
        actual = part.arrays["transformer", f"{block}@step_0", f"{slot}@{encoder}"]
        np.testing.assert_allclose(actual, np.stack(expected), atol=1e-5)


@pytest.mark.parametrize(
    "name",
    ["stable-diffusion-1", "stable-diffusion-3", "flux-1", "qwen-image", "cogview-4",
     "deepfloyd-if"],
)  # fmt: skip
def test_images_are_as_large_as_the_manifest_says(
    name: str, family_model: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    model: LoadedModel = family_model(name)
    if hasattr(model.pipeline, "default_sample_size"):
        # As many pixels as the tiny denoisers are made for.
        side = FAMILIES[name].side // model.pipeline.vae_scale_factor
        monkeypatch.setattr(model.pipeline, "default_sample_size", side)
    (batch,) = cut_batches(PROMPTS[:1], seeds=1, batch_size=1)
    sampled = sample_batch(model, batch, steps=2, guidance_scale=None)

    assert sampled.images.shape[1:3] == image_size(pipeline_call(model.pipeline), ImageOptions())


@pytest.mark.parametrize(
    ("name", "side"), [("flux-1", (16, 32)), ("qwen-image", (32, 16)), ("chroma", (16, 48))]
)
def test_packed_latents_are_as_wide_as_the_image(
    name: str, side: tuple[int, int], family_model: Any
) -> None:
    model: LoadedModel = family_model(name)
    kept: list[Any] = []
    block = "transformer_blocks.1"
    handle = model.pipeline.transformer.get_submodule(block).register_forward_hook(
        lambda _, __, output: kept.append(output)
    )
    recorder = DenoiserRecorder(model.pipeline, steps=(0,))
    (batch,) = cut_batches(PROMPTS, seeds=1, batch_size=4)
    options = ImageOptions(height=side[0], width=side[1])
    sample_batch(model, batch, steps=2, guidance_scale=None, recorder=recorder, options=options)
    handle.remove()
    image = kept[0][1][:4]
    scale = round((side[0] * side[1] / image.shape[1]) ** 0.5)
    grid = image.transpose(1, 2).unflatten(2, (side[0] // scale, side[1] // scale))
    expected = torch.nn.functional.adaptive_avg_pool2d(grid, GRID_SIDE).flatten(1).numpy()

    recorded = recorder.take().arrays["transformer", f"{block}@step_0", "grid"]
    np.testing.assert_allclose(recorded, expected, atol=1e-5)


def test_a_pipeline_without_text_encoder_states_is_told_by_name(family_model: Any) -> None:
    model: LoadedModel = family_model("stable-diffusion-1")
    bare = replace(model, pipeline=type("Other", (), {"components": {}})())
    with pytest.raises(ModelError, match="Other has no text encoder"):
        encode_suite(bare, PROMPTS)
