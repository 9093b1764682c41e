"""What is known of a pipeline is asked once, when it is loaded, and holds for that pipeline."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from t2i_audit.activations.random_weights import random_denoiser, random_text_encoders
from t2i_audit.activations.text.encode import encode_suite
from t2i_audit.errors import ModelError
from t2i_audit.generation import cut_batches, sample_batch, sampling_defaults
from t2i_audit.models.loaded import LoadedModel
from t2i_audit.pipelines.adapter import adapt
from t2i_audit.pipelines.arguments import sampler_options
from t2i_audit.settings import ImageOptions
from tests.families.checkpoints import build
from tests.tiny import tiny_prompts

PROMPTS = tiny_prompts(2)


def test_a_pipeline_is_not_asked_again_for_what_its_call_takes(
    tiny: LoadedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []
    own: Callable[..., Any] = inspect.signature

    def signature(function: Any, *args: Any, **kwargs: Any) -> Any:
        if function in (type(tiny.pipeline).__call__, tiny.pipeline.encode_prompt):
            asked.append(function)
        return own(function, *args, **kwargs)

    monkeypatch.setattr(inspect, "signature", signature)
    loaded = replace(tiny)
    encode_suite(loaded, PROMPTS)
    assert asked
    asked.clear()

    encode_suite(loaded, PROMPTS)
    defaults = sampling_defaults(loaded)
    (batch,) = cut_batches(PROMPTS, seeds=1, batch_size=2)
    sample_batch(loaded, batch, steps=1, guidance_scale=defaults.guidance_scale)
    sampler_options(loaded.adapter.call, ImageOptions(), 1.0)

    assert asked == []


def test_another_pipeline_has_an_adapter_of_its_own(tiny: LoadedModel) -> None:
    other = replace(tiny, pipeline=build("pixart-alpha"))

    assert (tiny.adapter.denoiser, other.adapter.denoiser) == ("unet", "transformer")
    assert other.adapter.pipeline is other.pipeline
    assert other.adapter.caption_cleaning and not tiny.adapter.caption_cleaning


def test_random_networks_are_those_of_the_adapter(tiny: LoadedModel) -> None:
    with random_text_encoders(tiny, seed=1) as other:
        (encoder,) = other.adapter.text_encoders
        assert encoder.model is other.pipeline.text_encoder
        assert encoder.model is not tiny.adapter.text_encoders[0].model
    with random_denoiser(tiny, seed=1) as other:
        assert other.adapter.denoiser_network is other.pipeline.unet is not tiny.pipeline.unet


@pytest.mark.parametrize(
    ("name", "facts"),
    [
        ("stable-diffusion-1", ("unet", "num_inference_steps", "guidance_scale", (4, 8, 8))),
        ("flux-1", ("transformer", "num_inference_steps", "true_cfg_scale", None)),
        (
            "stable-cascade",
            ("prior_prior", "prior_num_inference_steps", "prior_guidance_scale", None),
        ),
    ],
)
def test_a_family_names_its_arguments(name: str, facts: tuple[Any, ...]) -> None:
    adapter = adapt(build(name))
    call = adapter.call

    assert (adapter.denoiser, call.steps, call.guidance, adapter.latents_shape) == facts
    assert call.takes(call.steps) and call.takes(call.guidance)
    assert call.step_callback is None or call.takes(call.step_callback)


def test_a_pipeline_that_cannot_be_read_can_still_be_looked_at(tiny: LoadedModel) -> None:
    """Its text encoders are missed when somebody asks for them."""
    bare = adapt(type("Other", (), {"components": {}})())

    assert bare.denoiser is None
    with pytest.raises(ModelError, match="Other has no text encoder"):
        _ = bare.text_encoders
    with pytest.raises(ModelError, match="Other has no encode_prompt"), bare.encoding():
        pass
