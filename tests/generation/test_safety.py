"""A reader is told what a pipeline did to its pictures after it had drawn them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from t2i_audit.generation import Sampled, cut_batches, sample_batch
from t2i_audit.generation.options import sampler_options
from t2i_audit.generation.safety import BLOCKED, safety_notes, watermarker_name
from t2i_audit.models import LoadedModel
from t2i_audit.settings import PictureOptions
from tests.families.checkpoints import build
from tests.tiny import tiny_prompts


class WhiteCorner:
    """A watermarker with the interface of diffusers' own, whose mark can be seen."""

    def apply_watermark(self, images: torch.Tensor) -> torch.Tensor:
        marked = images.clone()
        marked[:, :, 0, 0] = 1
        return marked


def draw(model: LoadedModel, *, side: int | None = None) -> Sampled:
    (batch,) = cut_batches(tiny_prompts(2), seeds=1, batch_size=2)
    size = PictureOptions(height=side, width=side)
    return sample_batch(model, batch, steps=1, guidance_scale=1.0, options=size)


def test_a_watermarker_is_named_when_it_is_active(tiny: LoadedModel) -> None:
    pipeline = build("stable-diffusion-xl")
    pipeline.set_progress_bar_config(disable=True)
    model = replace(tiny, pipeline=pipeline)
    pipeline.watermark = None
    plain = draw(model, side=16)
    assert watermarker_name(pipeline) is None
    assert safety_notes(pipeline, []) == []

    pipeline.watermark = WhiteCorner()
    marked = draw(model, side=16)

    assert (marked.images[:, 0, 0] == 255).all()
    assert not (plain.images[:, 0, 0] == 255).all()
    np.testing.assert_array_equal(marked.images[:, 1:], plain.images[:, 1:])
    (note,) = safety_notes(pipeline, [])
    assert note.startswith("WhiteCorner puts a watermark into the images")


@pytest.mark.parametrize(("threshold", "blocked"), [(-100.0, True), (100.0, False)])
def test_pictures_that_the_safety_checker_blackens_are_counted(
    tiny: LoadedModel, threshold: float, blocked: bool
) -> None:
    pipeline = type(tiny.pipeline)(
        **tiny.pipeline.components | safety_checker(threshold), requires_safety_checker=True
    )
    pipeline.set_progress_bar_config(disable=True)
    sampled = draw(replace(tiny, pipeline=pipeline))

    assert sampled.blocked.tolist() == [blocked, blocked]
    assert sampled.images.any() != blocked
    judged = [{"flaw": BLOCKED if each else None} for each in sampled.blocked]
    (note,) = safety_notes(pipeline, judged)
    assert f"blacked out {2 * blocked} of 2 images" in note


def test_without_a_checker_nothing_is_said_of_one(tiny: LoadedModel) -> None:
    assert safety_notes(tiny.pipeline, [{"flaw": None}, {"flaw": "not finite"}]) == []


def safety_checker(threshold: float) -> dict[str, Any]:
    """Stable Diffusion's own, tiny: each concept is seen above a cosine similarity."""
    from diffusers.pipelines.stable_diffusion import StableDiffusionSafetyChecker
    from transformers import CLIPConfig, CLIPImageProcessor

    vision = {
        "hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1,
        "num_attention_heads": 2, "image_size": 16, "patch_size": 8,
    }  # fmt: skip
    checker = StableDiffusionSafetyChecker(CLIPConfig(vision_config=vision, projection_dim=8))
    checker.concept_embeds_weights.data.fill_(threshold)
    checker.special_care_embeds_weights.data.fill_(100.0)
    extractor = CLIPImageProcessor(
        size={"shortest_edge": 16}, crop_size={"height": 16, "width": 16}
    )
    return {"safety_checker": checker.eval(), "feature_extractor": extractor}


def test_what_is_not_asked_for_is_recorded_as_the_pipelines_own(tiny: LoadedModel) -> None:
    own = sampler_options(tiny.pipeline, PictureOptions(), 7.5)
    asked = sampler_options(tiny.pipeline, PictureOptions(16, None, "a green star"), 7.5)

    assert own == {"height": 16, "width": 16, "negative_prompt": None}
    assert asked == {"height": 16, "width": 16, "negative_prompt": "a green star"}
    # What stands for "no prompt" in a pipeline that would leave guidance out without one.
    qwen = sampler_options(build("qwen-image"), PictureOptions(), 4.0)
    assert qwen["negative_prompt"] == " "
