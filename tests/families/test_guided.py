"""Pipelines that guide otherwise: which part of their batches is read, and in which stage."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import WuerstchenCombinedPipeline

from t2i_audit.activations.denoiser import GRID_SIDE
from t2i_audit.activations.denoiser.inputs import outputs_of
from t2i_audit.activations.text.encode import encode_suite
from t2i_audit.activations.text.encoded_rows import POOLED
from t2i_audit.cli.main import main
from t2i_audit.errors import ModelError
from t2i_audit.generation import Sampled, sampling_defaults
from t2i_audit.models import load_model
from t2i_audit.models.loaded import LoadedModel
from t2i_audit.pipelines.components import latents_shape
from t2i_audit.pipelines.denoiser import denoiser_blocks
from t2i_audit.pipelines.text_encoders import text_encoders
from t2i_audit.pipelines.workarounds import moved_modules
from t2i_audit.run.features import FeaturePart
from tests.families.checkpoints import build
from tests.families.guided import PERTURBED, wuerstchen
from tests.families.sampling import sample_recorded
from tests.tiny import tiny_open_clip, tiny_prompts

PROMPTS = tiny_prompts(4)


def sample(
    model: LoadedModel, name: str, guidance: float | None, *, size: int = 4
) -> tuple[list[Sampled], list[FeaturePart]]:
    """The images of all prompts, and what is recorded at their first step."""
    return sample_recorded(model, name, PROMPTS, guidance, batch_size=size, steps=(0,))


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
        pytest.skip("unguided, its pipeline triples the images' sizes for a batch of two parts")
    model: LoadedModel = family_model(name)
    images, parts = sample(model, name, guidance, size=size)
    monkeypatch.setattr(model.pipeline, "pag_applied_layers", [])
    plain_images, plain_parts = sample(model, name, guidance, size=size)

    for part, plain in zip(parts, plain_parts, strict=True):
        assert part.arrays.keys() == plain.arrays.keys()
        for key, values in part.arrays.items():
            np.testing.assert_allclose(values, plain.arrays[key], atol=1e-5, err_msg=str(key))
    assert any(
        not np.array_equal(one.images, other.images)
        for one, other in zip(images, plain_images, strict=True)
    )


@pytest.mark.parametrize("name", PERTURBED)
def test_the_perturbed_part_of_a_batch_differs_in_some_block(name: str, family_model: Any) -> None:
    """Were it the one recorded, the test above would see it."""
    model: LoadedModel = family_model(name)
    kept: list[Any] = []
    _, blocks = denoiser_blocks(model.pipeline)
    sample(model, name, None)  # which looks for the layout in calls of its own
    handles = [
        block.register_forward_hook(
            lambda _, __, output: kept.append(list(outputs_of(output).values())[-1])
        )
        for block in blocks.values()
    ]
    sample(model, name, None)
    for handle in handles:
        handle.remove()
    # Unconditional, conditional, perturbed.
    parts = [each.chunk(3) for each in kept[: len(blocks)]]

    assert all(len(each) == 3 * len(PROMPTS) for each in kept)
    assert any((one - other).abs().max() > 1e-3 for _, one, other in parts)


# Family -> which part of its guided batches holds the prompts.
TWO_STAGED = {"kandinsky-2.1": 1, "kandinsky-2.2": 1, "stable-cascade": 0}


@pytest.mark.parametrize("size", [1, 4])
@pytest.mark.parametrize("name", TWO_STAGED)
def test_of_two_stages_the_part_that_holds_the_prompts_is_recorded(
    name: str, size: int, family_model: Any
) -> None:
    model: LoadedModel = family_model(name)
    component, blocks = denoiser_blocks(model.pipeline)
    path, block = list(blocks.items())[-1]
    kept: list[Any] = []
    sample(model, name, None, size=size)  # which looks for the layout in calls of its own
    handle = block.register_forward_hook(lambda _, __, output: kept.append(output))
    _, parts = sample(model, name, None, size=size)
    handle.remove()
    steps = len(kept) // len(parts)

    for part, states in zip(parts, kept[::steps], strict=True):
        assert len(states) == 2 * size
        own = torch.nn.functional.adaptive_avg_pool2d(
            states.split(size)[TWO_STAGED[name]], GRID_SIDE
        )
        recorded = part.arrays[component, f"{path}@step_0", "grid"]
        np.testing.assert_allclose(recorded, own.flatten(1).numpy(), atol=1e-6)


@pytest.mark.parametrize("name", TWO_STAGED)
def test_of_two_stages_both_draw_their_noise_themselves(name: str, family_model: Any) -> None:
    """What the call takes as latents goes to the first, whose are shaped otherwise."""
    assert latents_shape(family_model(name).pipeline) is None


def test_both_stages_encode_the_prompt_where_the_second_takes_no_embedded_one(
    family_model: Any,
) -> None:
    model: LoadedModel = family_model("kandinsky-2.1")
    features = encode_suite(model, PROMPTS).features
    pooled = {each.encoder: each.values for each in features if each.layer == POOLED}
    prompts = [prompt.text for prompt in PROMPTS]
    with torch.no_grad():
        own, _, _ = model.pipeline.decoder_pipe._encode_prompt(prompts, "cpu", 1, False)

    assert pooled.keys() == {"prior_text_encoder", "text_encoder"}
    np.testing.assert_allclose(pooled["text_encoder"], own.numpy(), atol=1e-5)


def test_an_encoder_that_the_pipeline_carries_and_never_runs_is_not_read(family_model: Any) -> None:
    """The second stage of Stable Cascade is given what the first made of the prompt."""
    model: LoadedModel = family_model("stable-cascade")
    ran: list[str] = []
    names = ("prior_text_encoder", "text_encoder")
    handles = [
        model.pipeline.components[name].register_forward_hook(
            lambda *_, name=name: ran.append(name)
        )
        for name in names
    ]
    sample(model, "stable-cascade", None)
    for handle in handles:
        handle.remove()

    assert {encoder.name for encoder in text_encoders(model.pipeline)} == set(ran)
    assert set(ran) == {"prior_text_encoder"}


def test_steps_and_guidance_are_of_the_stage_whose_denoiser_is_recorded(family_model: Any) -> None:
    model: LoadedModel = family_model("stable-cascade")
    sizes: list[int] = []
    for guidance in (None, 1.0):  # which looks for the layout in calls of its own
        sample(model, "stable-cascade", guidance)
    handle = model.pipeline.prior_prior.register_forward_pre_hook(
        lambda _, __, kwargs: sizes.append(len(kwargs["sample"])), with_kwargs=True
    )
    sample(model, "stable-cascade", None)
    sample(model, "stable-cascade", 1.0)
    handle.remove()

    # Two steps each; the second time without an unconditional part.
    assert sizes == [8, 8, 4, 4]
    assert sampling_defaults(model).steps == 60


def test_a_pipeline_that_takes_one_prompt_at_a_time_is_told_by_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with moved_modules(["wuerstchen"]):
        pipeline = WuerstchenCombinedPipeline(**wuerstchen())
    pipeline.save_pretrained(tmp_path)
    model = load_model(str(tmp_path), device="cpu")
    features = encode_suite(model, PROMPTS).features
    assert {each.encoder for each in features} == {"prior_text_encoder", "text_encoder"}

    with pytest.raises(ModelError, match="WuerstchenCombinedPipeline makes one image at a time"):
        sample(model, "stable-cascade", None)
    _, parts = sample(model, "stable-cascade", None, size=1)
    assert {key[:2] for part in parts for key in part.arrays} == {
        ("prior_prior", "blocks.2@step_0"),
        ("prior_prior", "blocks.5@step_0"),
    }

    judge = tiny_open_clip(tmp_path / "judge")
    options = f"--suite world-smoke --judge clip:local-dir:{judge} --device cpu --limit 4 --steps 1"
    size = ["--height", "128", "--width", "128"]
    capsys.readouterr()
    code = main(["audit", str(tmp_path), *options.split(), *size, "--out", str(tmp_path / "run")])

    assert code == 2
    assert "WuerstchenCombinedPipeline makes one image at a time" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("name", ["kandinsky-2.1", "stable-cascade"])
def test_a_second_stage_alone_is_refused(name: str, tmp_path: Path) -> None:
    """It takes a prompt too, and needs what the first stage makes of it."""
    build(name).decoder_pipe.save_pretrained(tmp_path)
    with pytest.raises(ModelError, match=r"needs image_embed.* beside the prompt"):
        load_model(str(tmp_path), device="cpu")
