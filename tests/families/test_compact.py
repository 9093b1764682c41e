"""What the smaller families do that no other does."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import GlmImagePipeline

from t2i_audit.activations.denoiser import GRID_SIDE, DenoiserRecorder
from t2i_audit.activations.text.encode import encode_suite
from t2i_audit.cli.main import main
from t2i_audit.errors import ModelError
from t2i_audit.generation import (
    Sampled,
    cut_batches,
    sample_batch,
    sampling_defaults,
)
from t2i_audit.models.loaded import LoadedModel
from t2i_audit.pipelines import arguments
from t2i_audit.pipelines.arguments import (
    image_size,
    pipeline_call,
    sampler_options,
    switched_off_notes,
)
from t2i_audit.pipelines.workarounds import quiet_libraries
from t2i_audit.settings import ImageOptions
from tests.families import compact
from tests.families.checkpoints import FAMILIES
from tests.tiny import tiny_prompts

PROMPTS = tiny_prompts(4)


def sample(
    model: LoadedModel, name: str, *, steps: int = 2, batch_size: int = 4, **more: Any
) -> list[Sampled]:
    side = FAMILIES[name].side
    guidance = sampling_defaults(model).guidance_scale
    return [
        sample_batch(
            model, batch, steps=steps, guidance_scale=guidance,
            options=ImageOptions(height=side, width=side), **more,
        )
        for batch in cut_batches(PROMPTS, seeds=1, batch_size=batch_size)
    ]  # fmt: skip


def words_and_image(name: str, states: Any, count: int) -> tuple[torch.Tensor, torch.Tensor]:
    """A block's output cut into text and image ``(b, s, d)``, as the family lays it out."""
    if name == "ernie-image":  # tokens first, the image before the text
        states = states.transpose(0, 1)
        return states[:, count:], states[:, :count]
    if isinstance(states, tuple):  # text, image
        return states
    if name == "z-image-omni":  # the text filled up to 32 tokens, the image behind it
        return states, states[:, 32 : 32 + count]
    return states[:, :-count], states[:, -count:]


@pytest.mark.parametrize(
    ("name", "block", "tokens", "shift"),
    [
        ("ernie-image", "layers.0", 16, 0),
        ("ernie-image", "layers.1", 16, 0),
        # The first 28 tokens, of the template, are cut off.
        ("ovis", "transformer_blocks.1", 16, -28),
        ("ovis", "single_transformer_blocks.1", 16, -28),
        ("bria", "transformer_blocks.1", 16, 0),
        ("bria", "single_transformer_blocks.1", 16, 0),
        ("z-image-omni", "layers.1", 16, 0),
        ("bria-fibo", "transformer_blocks.1", 4, 0),
        ("bria-fibo", "single_transformer_blocks.1", 4, 0),
    ],
)
def test_text_and_image_are_where_the_familys_code_puts_them(
    name: str, block: str, tokens: int, shift: int, family_model: Any
) -> None:
    model: LoadedModel = family_model(name)
    kept: list[Any] = []
    module = model.pipeline.transformer.get_submodule(block)
    handle = module.register_forward_hook(lambda _, __, output: kept.append(output))
    recorder = DenoiserRecorder(model.pipeline, steps=(0,))
    sample(model, name, recorder=recorder)
    handle.remove()
    part = recorder.take()
    text, image = words_and_image(name, kept[0], tokens)
    # Z-Image and Ovis begin with the conditional part, the others with the unconditional one.
    own = slice(0, 4) if name in ("z-image-omni", "ovis") else slice(-4, None)
    side = round(tokens**0.5)
    grid = image[own].transpose(1, 2).unflatten(2, (side, side))

    layer = f"{block}@step_0"
    expected = torch.nn.functional.adaptive_avg_pool2d(grid, GRID_SIDE).flatten(1).numpy()
    np.testing.assert_allclose(part.arrays["transformer", layer, "grid"], expected, atol=1e-5)
    places = encode_suite(model, PROMPTS).tokens["text_encoder"]
    for slot in ("object_1.colour", "object_1.shape"):
        words = [
            state[[index + shift for index in prompt.slots[slot]]].mean(dim=0).numpy()
            for state, prompt in zip(text[own], places, strict=True)
        ]
        actual = part.arrays["transformer", layer, f"{slot}@text_encoder"]
        np.testing.assert_allclose(actual, np.stack(words), atol=1e-5)


@pytest.mark.parametrize(("name", "tokens"), [("prx", 16), ("prx-pixel", 64), ("cosmos-2", 4)])
def test_an_image_that_comes_without_text_is_read_alone(
    name: str, tokens: int, family_model: Any
) -> None:
    """PRX Pixel's is as long as its text, of which its blocks hand nothing on."""
    model: LoadedModel = family_model(name)
    kept: list[torch.Tensor] = []
    blocks = getattr(model.pipeline.transformer, "blocks", None)
    path = "transformer_blocks.1" if blocks is None else "blocks.1"
    module = model.pipeline.transformer.get_submodule(path)
    handle = module.register_forward_hook(lambda _, __, output: kept.append(output))
    recorder = DenoiserRecorder(model.pipeline, steps=(0,))
    sample(model, name, recorder=recorder)
    handle.remove()
    side = round(tokens**0.5)
    # Cosmos calls its denoiser for the conditional part first, PRX for both, that one last.
    grid = kept[0][-4:].transpose(1, 2).unflatten(2, (side, side))
    arrays = recorder.take().arrays

    expected = torch.nn.functional.adaptive_avg_pool2d(grid, GRID_SIDE).flatten(1).numpy()
    actual = arrays["transformer", f"{path}@step_0", "grid"]
    np.testing.assert_allclose(actual, expected, atol=1e-5)
    assert not any("@" in position for _, _, position in arrays)


def test_as_many_rows_as_tokens_are_told_apart_where_tokens_come_first(family_model: Any) -> None:
    """Eight guided prompts make 16 rows, and the image has 16 tokens."""
    model: LoadedModel = family_model("ernie-image")
    prompts = tiny_prompts(8)
    parts = []
    for count in (8, 4):
        recorder = DenoiserRecorder(model.pipeline, steps=(0,))
        arrays = []
        for batch in cut_batches(prompts, seeds=1, batch_size=count):
            size = ImageOptions(height=16, width=16)
            sample_batch(model, batch, steps=2, guidance_scale=4.0, recorder=recorder, options=size)
            arrays.append(recorder.take().arrays)
        parts.append(arrays)
    (together,), (first, second) = parts

    for key, values in first.items():
        if key in second:
            apart = np.concatenate([values, second[key]])
            np.testing.assert_allclose(together[key], apart, atol=1e-4, err_msg=str(key))


@pytest.mark.parametrize("name", ["prx", "bria", "ernie-image"])
def test_images_of_a_batch_are_those_of_single_calls_of_the_pipeline(
    name: str, family_model: Any
) -> None:
    """PRX's own code guides one prompt a call; the other two encode one at a time."""
    model: LoadedModel = family_model(name)
    (together,) = sample(model, name)
    alone = np.concatenate([each.images for each in sample(model, name, batch_size=1)])

    assert np.abs(together.images.astype(int) - alone.astype(int)).max() <= 2


@pytest.mark.parametrize(("name", "side"), [("prx", 512), ("prx-pixel", 1024), ("lumina", 64)])
def test_a_checkpoints_own_size_is_in_pixels(name: str, side: int, family_model: Any) -> None:
    pipeline = family_model(name).pipeline

    assert image_size(pipeline_call(pipeline), ImageOptions()) == (side, side)


@pytest.mark.parametrize("name", ["bria", "ernie-image", "sana-sprint"])
def test_a_text_that_is_encoded_alone_before_the_prompts_is_not_counted_among_them(
    name: str, family_model: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    model: LoadedModel = family_model(name)
    encode = model.pipeline.encode_prompt
    recorder = DenoiserRecorder(model.pipeline, steps=(0,))
    sample(model, name, recorder=recorder)
    expected = recorder.take().arrays

    def encode_another_first(prompt: list[str], *more: Any, **options: Any) -> Any:
        encode(["a blue cross"], *more, **options)
        return encode(prompt, *more, **options)

    monkeypatch.setattr(
        model.pipeline, "encode_prompt", functools.wraps(encode)(encode_another_first)
    )
    sample(model, name, recorder=recorder)
    found = recorder.take().arrays

    assert found.keys() == expected.keys()
    for key, values in expected.items():
        np.testing.assert_allclose(found[key], values, atol=1e-5, err_msg=str(key))


def test_a_sprint_of_another_number_of_steps_begins_alike(family_model: Any) -> None:
    model: LoadedModel = family_model("sana-sprint")
    times: list[list[float]] = []
    for steps in (1, 2, 4):
        own: list[float] = []
        handle = model.pipeline.transformer.register_forward_pre_hook(
            lambda _, __, kwargs, own=own: own.append(float(kwargs["timestep"][0])),
            with_kwargs=True,
        )
        sample(model, "sana-sprint", steps=steps)
        handle.remove()
        times.append(own)

    assert [len(own) for own in times] == [1, 2, 4]
    assert len({own[0] for own in times}) == 1


def test_a_rewriter_of_prompts_is_off_and_told_of(
    family_model: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    model: LoadedModel = family_model("ernie-image")
    (expected,) = sample(model, "ernie-image")
    _rewrite(model, monkeypatch)
    (found,) = sample(model, "ernie-image")

    np.testing.assert_array_equal(found.images, expected.images)
    assert sampler_options(pipeline_call(model.pipeline), ImageOptions(), None)["use_pe"] is False
    assert "use_pe=False" in " ".join(switched_off_notes(pipeline_call(model.pipeline)))
    assert not switched_off_notes(pipeline_call(family_model("bria").pipeline))


def test_images_of_something_else_than_the_prompts_are_refused(
    family_model: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    model: LoadedModel = family_model("ernie-image")
    _rewrite(model, monkeypatch)
    monkeypatch.setattr(arguments, "REWRITING", ())
    with pytest.raises(ModelError, match="no text encoder was given the text of the prompts"):
        sample(model, "ernie-image", recorder=DenoiserRecorder(model.pipeline, steps=(0,)))


def _rewrite(model: LoadedModel, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give the pipeline a rewriter, which makes the same of every prompt."""
    kind = type(model.pipeline)
    monkeypatch.setattr(kind, "_enhance_prompt_with_pe", lambda *_, **__: "a green star")
    for part in ("pe", "pe_tokenizer"):
        monkeypatch.setattr(model.pipeline, part, object())


def test_an_encoder_of_quoted_words_alone_is_refused_before_anything_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with quiet_libraries():
        GlmImagePipeline(**compact.glm_image()).save_pretrained(tmp_path / "glm-image")
    capsys.readouterr()
    folder, run = tmp_path / "glm-image", tmp_path / "run"

    assert main(["audit", str(folder), "--device", "cpu", "--out", str(run)]) == 2
    said = capsys.readouterr().err
    assert f"text_encoder of '{folder}' does not encode the prompts as they are" in said
    assert len(said.strip().splitlines()) == 1
    assert not run.exists()
