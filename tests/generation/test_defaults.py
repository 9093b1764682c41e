"""Steps and guidance come from what tells that a checkpoint is distilled, else from its class."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from diffusers import (
    DPMSolverMultistepScheduler,
    EulerAncestralDiscreteScheduler,
    EulerDiscreteScheduler,
    Flux2KleinPipeline,
    LCMScheduler,
    TCDScheduler,
)

from t2i_audit.cli.main import main
from t2i_audit.generation import SamplingDefaults, sampling_defaults
from t2i_audit.models.loaded import LoadedModel
from tests.families.checkpoints import build

Defaults = Callable[..., SamplingDefaults]
LEADING = EulerDiscreteScheduler(timestep_spacing="leading")


@pytest.fixture(scope="module")
def pipelines() -> Callable[[str], Any]:
    made: dict[str, Any] = {}
    return lambda family: made.setdefault(family, build(family))


@pytest.fixture
def defaults(pipelines: Callable[[str], Any], tiny: LoadedModel, tmp_path: Path) -> Defaults:
    """Of a family's pipeline under another name, with another scheduler, LoRAs or settings."""

    def of(
        family: str,
        name: str = "model",
        *,
        scheduler: Any = None,
        loras: tuple[str, ...] = (),
        **components: Any,
    ) -> SamplingDefaults:
        base = pipelines(family)
        parts = {**base.components, **components}
        if scheduler is not None:
            parts["scheduler"] = scheduler
        pipeline = type(base)(**parts)
        folder = tmp_path / Path(name).name
        folder.mkdir(exist_ok=True)
        return sampling_defaults(replace(tiny, name=name, path=folder, pipeline=pipeline), loras)

    return of


SD, XL, SD3, FLUX = "stable-diffusion-1", "stable-diffusion-xl", "stable-diffusion-3", "flux-1"


@pytest.mark.parametrize(
    ("family", "name", "steps", "guidance"),
    [
        (XL, "stabilityai/sdxl-turbo", 1, 0),
        (SD, "stabilityai/sd-turbo", 1, 0),
        (XL, "DreamShaperXL_v21TurboDPMSDE", 1, 0),
        (XL, "sdxl_lightning_4step", 4, 0),
        (XL, "SDXL-Lightning-8steps", 8, 0),
        (XL, "RealVisXL_V4.0_Lightning", 4, 0),
        (XL, "Hyper-SDXL-1step-Unet", 1, 0),
        (XL, "Hyper-SDXL-8steps-CFG", 8, 5.0),
        (XL, "sdxl-dmd2", 4, 0),
        (XL, "flash-sdxl", 4, 0),
        (SD, "LCM_Dreamshaper_v7", 4, 1),
        ("latent-consistency", "LCM_Dreamshaper_v7", 4, 8.5),
        (SD3, "stabilityai/stable-diffusion-3.5-large-turbo", 4, 0),
        (FLUX, "black-forest-labs/FLUX.1-schnell", 4, 0),
        ("z-image", "Tongyi-MAI/Z-Image-Turbo", 9, 0),
        ("qwen-image", "Qwen-Image-Lightning", 8, 1),
        ("qwen-image", "Qwen-Image-Lightning-4steps", 4, 1),
        ("sana-sprint", "Sana_Sprint_1.6B_1024px_diffusers", 2, 4.5),
    ],
)
def test_the_name_of_a_distilled_checkpoint_tells(
    family: str, name: str, steps: int, guidance: float, defaults: Defaults
) -> None:
    found = defaults(family, name)

    assert (found.steps, found.guidance_scale) == (steps, guidance)


@pytest.mark.parametrize(
    ("family", "name", "steps", "guidance"),
    [
        (XL, "stabilityai/stable-diffusion-xl-base-1.0", 50, 5.0),
        (SD, "hyperrealism-v3", 50, 7.5),
        (SD, "my-model-20000-steps", 50, 7.5),
        (SD, "flashback", 50, 7.5),
        (SD3, "stabilityai/stable-diffusion-3.5-large", 28, 7.0),
    ],
)
def test_other_names_leave_the_defaults_of_the_class(
    family: str, name: str, steps: int, guidance: float, defaults: Defaults
) -> None:
    found = defaults(family, name)

    assert (found.steps, found.guidance_scale) == (steps, guidance)
    assert found.source.startswith("from the defaults of Stable")


@pytest.mark.parametrize(
    ("scheduler", "steps", "guidance"),
    [
        (LCMScheduler(), 4, 1),
        (TCDScheduler(), 4, 0),
        (EulerAncestralDiscreteScheduler(timestep_spacing="trailing"), 1, 0),
        (EulerDiscreteScheduler(timestep_spacing="trailing"), 1, 0),
        (LEADING, 50, 7.5),
        # Trailing on account of zero terminal SNR, which has nothing to do with distillation.
        (
            EulerDiscreteScheduler(
                timestep_spacing="trailing", rescale_betas_zero_snr=True,
                prediction_type="v_prediction",
            ),
            50,
            7.5,
        ),
    ],
    ids=["LCM", "TCD", "trailing ancestral", "trailing", "leading", "zero SNR"],
)  # fmt: skip
def test_the_scheduler_tells(
    scheduler: Any, steps: int, guidance: float, defaults: Defaults
) -> None:
    found = defaults(SD, scheduler=scheduler)

    assert (found.steps, found.guidance_scale) == (steps, guidance)


@pytest.mark.parametrize(
    ("lora", "steps", "guidance"),
    [
        ("lcm-lora-sdv1-5/pytorch_lora_weights.safetensors", 4, 1),
        ("sdxl_lightning_4step_lora.safetensors", 4, 0),
        ("Hyper-SDXL-8steps-lora.safetensors", 8, 0),
        ("lightning_bolts.safetensors", 50, 5.0),  # a style
        ("watercolour.safetensors", 50, 5.0),
    ],
)
def test_the_name_of_a_lora_tells(
    lora: str, steps: int, guidance: float, defaults: Defaults
) -> None:
    found = defaults(XL, scheduler=LEADING, loras=(lora,))

    assert (found.steps, found.guidance_scale) == (steps, guidance)


def test_guidance_that_is_an_input_is_left_to_the_pipeline(defaults: Defaults) -> None:
    dev = build(FLUX).transformer
    dev.register_to_config(guidance_embeds=True)

    plain = defaults(FLUX, "FLUX.1-dev", transformer=dev)
    fast = defaults(FLUX, transformer=dev, loras=("Hyper-FLUX.1-dev-8steps-lora.safetensors",))

    assert (plain.steps, plain.guidance_scale) == (28, 3.5)
    assert (fast.steps, fast.guidance_scale) == (8, 3.5)


def test_a_consistency_model_in_another_class_has_its_own_guidance(defaults: Defaults) -> None:
    unet = build(XL).unet
    unet.register_to_config(time_cond_proj_dim=8)
    found = defaults(XL, scheduler=LCMScheduler(), unet=unet)

    assert (found.steps, found.guidance_scale) == (4, 8.0)


def test_a_pipeline_that_says_it_is_distilled_is_believed(
    pipelines: Callable[[str], Any], tiny: LoadedModel
) -> None:
    klein = Flux2KleinPipeline(**pipelines("flux-2-klein").components, is_distilled=True)
    found = sampling_defaults(replace(tiny, path=Path("none"), pipeline=klein))

    assert (found.steps, found.guidance_scale) == (4, 1)
    assert found.steps_from == "is_distilled in model_index.json"


def test_what_a_component_was_made_from_tells(
    pipelines: Callable[[str], Any], tiny: LoadedModel, tmp_path: Path
) -> None:
    (tmp_path / "unet").mkdir()
    origin = "/cache/models--stabilityai--sdxl-turbo/snapshots/71153311d3/unet"
    (tmp_path / "unet" / "config.json").write_text(json.dumps({"_name_or_path": origin}))
    found = sampling_defaults(replace(tiny, path=tmp_path, name="mine", pipeline=pipelines(XL)))

    assert (found.steps, found.guidance_scale) == (1, 0)
    assert "'sdxl-turbo'" in found.steps_from


def test_few_steps_at_leading_time_steps_are_noted(defaults: Defaults) -> None:
    found = defaults(XL, "sdxl-turbo", scheduler=LEADING)
    right = EulerDiscreteScheduler(timestep_spacing="trailing")

    assert "should say timestep_spacing 'trailing'" in found.note
    assert not defaults(XL, "sdxl-turbo", scheduler=right).note


def test_the_checkpoints_own_file_comes_first(tiny: LoadedModel) -> None:
    found = sampling_defaults(replace(tiny, name="sdxl-turbo"))

    assert (found.steps, found.guidance_scale) == (4, 3.0)
    assert found.source == "from the checkpoint's t2i_audit.json"


def test_the_user_comes_before_all(tiny: LoadedModel) -> None:
    found = sampling_defaults(tiny).given(7, None)

    assert (found.steps, found.guidance_scale) == (7, 3.0)
    assert found.source == "steps from --steps, guidance from the checkpoint's t2i_audit.json"


def test_schnell_reads_as_many_tokens_as_it_was_distilled_with(
    pipelines: Callable[[str], Any],
) -> None:
    from t2i_audit.pipelines.arguments import call_arguments, pipeline_call
    from t2i_audit.pipelines.prompt_encoding import encode_prompts
    from t2i_audit.settings import ImageOptions

    schnell = pipelines(FLUX)
    returned = encode_prompts(schnell, ["a red circle"])

    assert (
        call_arguments(pipeline_call(schnell), ImageOptions(), 0.0, 1)["max_sequence_length"] == 256
    )
    assert returned[0].shape[1] == 256


@pytest.fixture
def turbo(tmp_path: Path) -> Path:
    """A checkpoint of the class's own defaults, called sd-turbo."""
    from t2i_audit.pipelines.workarounds import quiet_libraries

    pipeline = build(SD)
    pipeline.scheduler = DPMSolverMultistepScheduler(timestep_spacing="trailing")
    with quiet_libraries():
        pipeline.save_pretrained(tmp_path / "sd-turbo")
    return tmp_path / "sd-turbo"


def test_a_run_says_what_it_samples_with_and_goes_on_with_the_same_numbers_from_elsewhere(
    turbo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from tests.tiny import tiny_open_clip

    judge, run = tiny_open_clip(tmp_path / "judge"), tmp_path / "run"
    options = f"--judge clip:local-dir:{judge} --suite world-smoke --device cpu --limit 8 --seeds 1"
    command = ["audit", str(turbo), *options.split(), "--out", str(run)]
    assert main(command) == 0
    told = capsys.readouterr().err
    sampler = json.loads((run / "manifest.json").read_text())["settings"]["sampler"]
    notes = json.loads((run / "summary.json").read_text())["notes"]

    assert (
        "8 images (8 prompts x 1 seed) of 16 x 16 pixels in 1 step with guidance 0 (from the "
        "checkpoint's name, 'sd-turbo'), DPMSolverMultistepScheduler, float32 on cpu" in told
    )
    assert (sampler["steps"], sampler["steps_from"]) == (1, "the checkpoint's name, 'sd-turbo'")
    assert any("Images were sampled in 1 step with guidance 0" in note for note in notes)
    assert main([*command, "--steps", "1", "--guidance-scale", "0"]) == 0
    assert main([*command, "--steps", "2"]) == 2
    assert "sampler.steps is 1 there and 2 here; give" in capsys.readouterr().err
