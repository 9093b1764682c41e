"""What is special to single families whose text encoder sees images as well."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from diffusers.configuration_utils import FrozenDict

from t2i_audit.activations.denoiser import GRID_SIDE, DenoiserRecorder
from t2i_audit.activations.text.encode import encode_suite
from t2i_audit.errors import ModelError
from t2i_audit.generation import cut_batches, sample_batch, sampling_defaults
from t2i_audit.models.loaded import LoadedModel
from t2i_audit.pipelines.arguments import check_steps, pipeline_call, sampler_options
from t2i_audit.pipelines.prompt_encoding import encode_prompts
from t2i_audit.pipelines.text_to_image import require_text_to_image
from t2i_audit.settings import ImageOptions
from tests.families.parts import flow
from tests.families.sampling import layout_of
from tests.families.vision import qwen_3_processor, qwen_3_vision
from tests.tiny import tiny_prompts

PROMPTS = tiny_prompts(4)
SMALL = ImageOptions(height=16, width=16)


def sample(model: LoadedModel, **changes: Any) -> Any:
    (batch,) = cut_batches(PROMPTS, seeds=1, batch_size=4)
    guidance = sampling_defaults(model).guidance_scale
    settings: dict[str, Any] = {"steps": 2, "guidance_scale": guidance, "options": SMALL}
    return sample_batch(model, batch, **(settings | changes))


def test_a_prompt_is_not_rewritten_and_the_manifest_says_so(
    family_model: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    model: LoadedModel = family_model("longcat-image")
    monkeypatch.setattr(model.pipeline, "rewire_prompt", None)  # which the call would run

    assert sample(model).finite.all()
    assert (
        sampler_options(pipeline_call(model.pipeline), SMALL, None)["enable_prompt_rewrite"]
        is False
    )


def test_text_stays_in_the_denoiser_at_every_step(family_model: Any) -> None:
    """With its cache on, Qwen-Image 2.1 has the text in the denoiser at the first step alone."""
    model: LoadedModel = family_model("qwen-image-2.1")
    recorder = DenoiserRecorder(model.pipeline, steps=(0, 1))
    large = ImageOptions(height=64, width=64)
    lengths: list[int] = []
    handle = model.pipeline.transformer.transformer_blocks[-1].register_forward_hook(
        lambda _, __, output: lengths.append(output.shape[1])
    )
    sample(model, recorder=recorder, options=large)
    handle.remove()
    arrays = recorder.take().arrays

    assert len(set(lengths)) == 1
    slot = "object_1.shape@text_encoder"
    assert {layer[-1] for _, layer, position in arrays if position == slot} == {"0", "1"}


def test_guidance_reaches_a_pipeline_by_its_guider(family_model: Any) -> None:
    model: LoadedModel = family_model("hunyuan-image")
    own = model.pipeline.guider.guidance_scale
    images = [sample(model, guidance_scale=scale).images for scale in (own, None, 1.5)]

    assert sampling_defaults(model).guidance_scale == own
    np.testing.assert_array_equal(images[0], images[1])
    assert not np.array_equal(images[0], images[2])
    assert model.pipeline.guider.guidance_scale == own


def test_a_negative_prompt_that_no_guider_would_use_is_refused(
    family_model: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    model: LoadedModel = family_model("hunyuan-image")
    monkeypatch.setattr(model.pipeline, "guider", None)
    with pytest.raises(ModelError, match="takes no --negative-prompt"):
        sample(replace(model), options=ImageOptions(16, 16, "a green star"))


@pytest.mark.parametrize(
    ("name", "block", "start"),
    [
        # The first 34 tokens, of the template, are cut off; text first.
        ("krea-2", "transformer_blocks.1", -34),
        ("hunyuan-image", "transformer_blocks.0", -34),
        # One sequence, of which the text fills as much as it did in the encoder.
        ("ideogram-4", "layers.1", 0),
    ],
)
def test_words_inside_the_denoiser_are_where_the_familys_code_puts_them(
    name: str, block: str, start: int, family_model: Any
) -> None:
    model: LoadedModel = family_model(name)
    kept: list[Any] = []
    module = model.pipeline.transformer.get_submodule(block)
    handle = module.register_forward_hook(lambda _, __, output: kept.append(output))
    recorder = DenoiserRecorder(model.pipeline, steps=(0,))
    sample(model, recorder=recorder)
    handle.remove()
    states = kept[0] if isinstance(kept[0], torch.Tensor) else kept[0][1]
    tokens = encode_suite(model, PROMPTS).tokens["text_encoder"]
    arrays = recorder.take().arrays
    for slot in ("object_1.colour", "object_1.shape"):
        expected = [
            state[[index + start for index in own.slots[slot]]].mean(dim=0).numpy()
            for state, own in zip(states, tokens, strict=True)
        ]
        actual = arrays["transformer", f"{block}@step_0", f"{slot}@text_encoder"]
        np.testing.assert_allclose(actual, np.stack(expected), atol=1e-5)


@pytest.mark.parametrize(
    ("name", "block", "start", "side"),
    [
        # Behind 512 tokens of text, without the 34 of the template that are cut off.
        ("krea-2", "transformer_blocks.1", None, 32),
        # Behind the 2048 tokens that text may have.
        ("ideogram-4", "layers.1", 2048, 16),
        ("qwen-image-2.1", "transformer_blocks.1", None, 64),
        # Behind what the text is condensed to.
        ("bria-fibo-2", "layers.5", None, 16),
    ],
)
def test_the_image_is_read_where_the_familys_code_puts_it(
    name: str, block: str, start: int | None, side: int, family_model: Any
) -> None:
    model: LoadedModel = family_model(name)
    # FIBO 2's denoiser is not given the states that would tell its conditional call.
    guidance = sampling_defaults(model).guidance_scale
    hidden = name == "bria-fibo-2"
    layout = layout_of(model, name, PROMPTS, guidance) if hidden else None
    kept: list[torch.Tensor] = []
    module = model.pipeline.transformer.get_submodule(block)
    handle = module.register_forward_hook(lambda _, __, output: kept.append(output))
    recorder = DenoiserRecorder(model.pipeline, steps=(0,), layout=layout)
    sample(model, recorder=recorder, options=ImageOptions(side, side))
    handle.remove()
    image = kept[0][:, -16:] if start is None else kept[0][:, start : start + 16]
    grid = image.transpose(1, 2).unflatten(2, (4, 4))
    expected = torch.nn.functional.adaptive_avg_pool2d(grid, GRID_SIDE).flatten(1).numpy()

    assert kept[0].shape[1] > 16
    recorded = recorder.take().arrays["transformer", f"{block}@step_0", "grid"]
    np.testing.assert_allclose(recorded, expected, atol=1e-5)


def test_a_picture_of_as_many_tokens_as_the_text_is_not_taken_for_it(family_model: Any) -> None:
    """Nucleus hands on the image alone, while its blocks are given both."""
    model: LoadedModel = family_model("nucleus-moe")
    length = int(encode_prompts(model.pipeline, [each.text for each in PROMPTS])[0].shape[1])
    recorder = DenoiserRecorder(model.pipeline, steps=(0,))
    # A token is 8 pixels a side; texts are filled up to a multiple of 8 tokens.
    sample(model, recorder=recorder, options=ImageOptions(64, length))
    positions = {position for _, _, position in recorder.take().arrays}

    assert positions == {"grid"}


def test_steps_that_a_checkpoint_brings_itself_are_not_changed(
    family_model: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    model: LoadedModel = family_model("qwen-image-2.1")
    own = {**model.pipeline.config, "sample_sigmas": [1.0, 0.7, 0.4]}
    monkeypatch.setattr(model.pipeline, "_internal_dict", FrozenDict(own))

    assert sampling_defaults(replace(model)).steps == 3
    check_steps(pipeline_call(model.pipeline), 3, None)
    with pytest.raises(ModelError, match="samples in 3 steps of its own; leave out --steps 2"):
        check_steps(pipeline_call(model.pipeline), 2, None)


def test_a_schedule_of_guidance_is_for_its_own_number_of_steps(family_model: Any) -> None:
    pipeline = family_model("ideogram-4").pipeline
    check_steps(pipeline_call(pipeline), 48, None)
    check_steps(pipeline_call(pipeline), 2, 3.0)
    with pytest.raises(ModelError, match=r"a schedule of 48 steps; give --guidance-scale"):
        check_steps(pipeline_call(pipeline), 2, None)


def test_what_an_encoding_asks_for_that_no_call_takes_is_told_by_name() -> None:
    """DreamLite takes one prompt a call, writes words before it, and paints beside a blank."""
    from diffusers import DreamLitePipeline

    encoder, tokenizer = qwen_3_vision()
    pipeline = DreamLitePipeline(
        text_encoder=encoder, tokenizer=tokenizer, processor=qwen_3_processor(tokenizer), vae=None,
        unet=None, scheduler=flow(),
    )  # fmt: skip
    sentence = "encode_prompt of DreamLitePipeline asks for 'mode', which is not an argument"
    with pytest.raises(ModelError, match=sentence):
        encode_prompts(pipeline, ["a red ball"])


def test_a_pipeline_of_films_is_refused() -> None:
    from diffusers import Kandinsky6TI2VAPipeline

    pipeline = object.__new__(Kandinsky6TI2VAPipeline)
    with pytest.raises(ModelError, match="Kandinsky6TI2VAPipeline, which makes no image"):
        require_text_to_image(pipeline, "k6")


def test_an_end_token_that_is_cut_off_is_not_read(family_model: Any) -> None:
    """LongCat cuts off what follows the prompt; other tokens stand in its place."""
    model: LoadedModel = family_model("longcat-image")
    recorder = DenoiserRecorder(model.pipeline, steps=(0,))
    sample(model, recorder=recorder)
    positions = {position for _, _, position in recorder.take().arrays}

    assert "mean@text_encoder" in positions
    assert "eos@text_encoder" not in positions
