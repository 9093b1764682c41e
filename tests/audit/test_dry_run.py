"""What cannot be sampled is told in one sentence before anything is written, by one dry call."""

from __future__ import annotations

import inspect
import json
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import diffusers
import pytest
import torch
from safetensors.torch import load_file, save_file

from t2i_audit.activations.denoiser.reader import BlockReader
from t2i_audit.cli.main import main
from t2i_audit.pipelines.workarounds import quiet_libraries
from tests.families import text
from tests.families.checkpoints import build, flux, stable_diffusion
from tests.families.parts import vae
from tests.tiny import tiny_open_clip, tiny_pipeline

Refuse = Callable[..., str]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of the checkpoints and of a judge, built once each."""
    folder = tmp_path_factory.mktemp("checkpoints")
    tiny_pipeline(folder / "tiny")
    tiny_open_clip(folder / "judge")
    return folder


@pytest.fixture
def refuse(root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Refuse:
    """Audits a checkpoint, which should be refused; returns the sentence."""

    def refused(model: Path, *options: str) -> str:
        out = tmp_path / "run"
        common = f"--suite world-smoke --judge clip:local-dir:{root / 'judge'} --device cpu"
        capsys.readouterr()
        code = main(
            ["audit", str(model), *common.split(), "--limit", "8", "--out", str(out), *options]
        )
        lines = [line for line in capsys.readouterr().err.splitlines() if "t2i-audit" in line]

        assert code == 2
        assert len(lines) == 1
        assert not out.exists()
        return lines[0]

    return refused


def saved(pipeline: Any, folder: Path) -> Path:
    with quiet_libraries():
        pipeline.save_pretrained(folder)
    return folder


def controlled() -> Any:
    parts = stable_diffusion()
    controlnet = diffusers.ControlNetModel.from_unet(parts["unet"])
    return diffusers.StableDiffusionControlNetPipeline(**parts, controlnet=controlnet)


def pictured(kind: str, channels: int) -> Any:
    parts = flux()
    config = {**parts["transformer"].config, "in_channels": channels, "out_channels": 4}
    parts["transformer"] = diffusers.FluxTransformer2DModel.from_config(config)
    return getattr(diffusers, kind)(**parts)


def instructed() -> Any:
    parts = stable_diffusion(in_channels=8, out_channels=4)
    return diffusers.StableDiffusionInstructPix2PixPipeline(**parts, image_encoder=None)


@pytest.mark.parametrize(
    ("build_it", "needed"),
    [
        (controlled, "image"),
        (lambda: pictured("FluxFillPipeline", 12), "image and mask_image"),
        (lambda: pictured("FluxControlPipeline", 8), "control_image"),
        (instructed, "image"),
    ],
    ids=["ControlNet", "FLUX Fill", "FLUX Control", "InstructPix2Pix"],
)
def test_a_pipeline_that_needs_an_image_is_told_by_what_it_takes(
    build_it: Callable[[], Any], needed: str, refuse: Refuse, tmp_path: Path
) -> None:
    said = refuse(saved(build_it(), tmp_path / "model"))

    assert "makes no image of a prompt alone" in said
    assert f"it also takes {needed}, which an audit does not provide" in said
    assert "--batch-size" not in said


def test_a_pipeline_of_videos_is_refused(refuse: Refuse, tmp_path: Path) -> None:
    encoder, tokenizer = text.t5()
    transformer = diffusers.LatteTransformer3DModel(
        sample_size=8, num_layers=1, patch_size=2, attention_head_dim=8, num_attention_heads=3,
        caption_channels=32, in_channels=4, out_channels=8, cross_attention_dim=24,
        attention_bias=True, activation_fn="gelu-approximate", num_embeds_ada_norm=1000,
        norm_type="ada_norm_single", norm_elementwise_affine=False, video_length=1,
    )  # fmt: skip
    pipeline = diffusers.LattePipeline(
        tokenizer=tokenizer, text_encoder=encoder, vae=vae(), transformer=transformer,
        scheduler=diffusers.DDIMScheduler(),
    )  # fmt: skip
    said = refuse(saved(pipeline, tmp_path / "latte"), "--height", "16", "--width", "16")

    assert "which is no image for each prompt; give a text-to-image model" in said


@pytest.mark.parametrize("component", ["vae", "unet", "scheduler"])
def test_a_component_that_is_null_is_named(
    component: str, root: Path, refuse: Refuse, tmp_path: Path
) -> None:
    folder = shutil.copytree(root / "tiny", tmp_path / "copy")
    index = json.loads((folder / "model_index.json").read_text())
    (folder / "model_index.json").write_text(json.dumps({**index, component: [None, None]}))

    assert f"has no {component}: give a complete pipeline" in refuse(folder)


def test_a_null_encoder_is_named_before_it_should_run(refuse: Refuse, tmp_path: Path) -> None:
    folder = saved(build("flux-1"), tmp_path / "flux")
    index = json.loads((folder / "model_index.json").read_text())
    (folder / "model_index.json").write_text(json.dumps({**index, "text_encoder_2": [None, None]}))

    assert "has no text_encoder_2: give a complete pipeline" in refuse(folder)


@pytest.mark.parametrize(
    ("asked", "offered"),
    [
        ("--height 7", "give --height 8"),
        ("--height 17 --width 18", "give --height 16 --width 16 or --height 24 --width 24"),
    ],
)
def test_a_size_that_is_refused_is_offered_those_near_it_that_work(
    asked: str, offered: str, root: Path, refuse: Refuse
) -> None:
    said = refuse(root / "tiny", *asked.split())

    assert f"makes no images with {asked}" in said
    assert offered in said


def test_a_size_that_would_be_rounded_is_refused(refuse: Refuse, tmp_path: Path) -> None:
    folder = saved(build("flux-1"), tmp_path / "flux")
    said = refuse(folder, "--height", "17", "--width", "16", "--steps", "1")

    assert "makes images of 16 x 16 pixels (height x width)" in said
    assert "give --height 16 --width 16 or --height 24 --width 16" in said


def test_one_side_alone_is_not_ignored(root: Path, tmp_path: Path) -> None:
    """Stable Diffusion itself falls back to its own size unless it is given both sides."""
    from PIL import Image

    options = "--judge oracle --suite world-smoke --device cpu --limit 8 --seeds 1 --steps 1"
    run = tmp_path / "run"
    # The judge reads nothing in noise, which ends the run after its images.
    main(["audit", str(root / "tiny"), *options.split(), "--height", "24", "--out", str(run)])

    with Image.open(run / "images" / "000000_000.png") as image:
        assert image.size == (16, 24)
    manifest = json.loads((run / "manifest.json").read_text())
    assert manifest["settings"]["sampler"]["height"] == 24


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ("--steps 1001", "has 1000 time steps and cannot sample in 1001; give fewer --steps"),
        ("--scheduler LCMScheduler --steps 60", "has no schedule of 60 steps"),
        ("--scheduler PNDMScheduler --steps 3", "does not sample in 3 steps"),
    ],
)
def test_a_schedule_that_cannot_be_made_is_told(
    options: str, said: str, root: Path, refuse: Refuse
) -> None:
    assert said in refuse(root / "tiny", *options.split())


@pytest.fixture
def one_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = diffusers.StableDiffusionPipeline.prepare_latents

    def prepare(self: Any, batch_size: int, *args: Any, **kwargs: Any) -> Any:
        if batch_size > 1:
            raise IndexError("only one prompt fits")
        return whole(self, batch_size, *args, **kwargs)

    monkeypatch.setattr(diffusers.StableDiffusionPipeline, "prepare_latents", prepare)


@pytest.mark.usefixtures("one_at_a_time")
def test_a_pipeline_of_one_prompt_at_a_time_is_advised_so(root: Path, refuse: Refuse) -> None:
    said = refuse(root / "tiny")

    assert "makes one image at a time" in said
    assert "IndexError: only one prompt fits" in said
    assert said.endswith("give --batch-size 1")


@pytest.mark.usefixtures("one_at_a_time")
def test_that_advice_helps(root: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    options = f"--judge clip:local-dir:{root / 'judge'} --suite world-smoke --device cpu --limit 8"
    model = str(root / "tiny")
    more = "--seeds 1 --steps 1 --batch-size 1 --no-denoiser-station"

    assert main(["audit", model, *options.split(), *more.split(), "--out", str(run)]) == 0


def test_a_pipeline_that_makes_fewer_images_than_prompts_is_found_out(
    root: Path, refuse: Refuse, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = diffusers.StableDiffusionPipeline.__call__

    def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        output = whole(self, *args, **kwargs)
        output.images = output.images[:1]
        return output

    call.__signature__ = inspect.signature(whole)  # type: ignore[attr-defined]
    monkeypatch.setattr(diffusers.StableDiffusionPipeline, "__call__", call)

    assert "it made 1 for 2 prompts" in refuse(root / "tiny")


def test_an_error_of_the_recorder_is_not_laid_to_the_pipeline(
    root: Path, refuse: Refuse, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> None:
        raise IndexError("list index out of range")

    monkeypatch.setattr(BlockReader, "_spatial", broken)
    said = refuse(root / "tiny")

    assert "cannot be recorded (IndexError: list index out of range)" in said
    assert said.endswith("give --no-denoiser-station")


def test_a_denoiser_that_shows_nothing_is_told_before_the_first_image(
    root: Path, refuse: Refuse, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Called past its hooks, as some pipelines call a compiled one.
    forward = diffusers.UNet2DConditionModel.forward
    monkeypatch.setattr(diffusers.UNet2DConditionModel, "__call__", forward)
    said = refuse(root / "tiny")

    assert "cannot be probed; give --no-denoiser-station" in said


@pytest.fixture
def changed(root: Path, tmp_path: Path) -> Callable[[str, float], Path]:
    """A copy of the checkpoint, one tensor of a component times a number."""

    def change(component: str, factor: float) -> Path:
        folder = shutil.copytree(root / "tiny", tmp_path / "changed")
        (file,) = (folder / component).glob("*.safetensors")
        weights = load_file(file)
        name = next(each for each in weights if re.search(r"conv_in|token_embedding", each))
        weights[name] = weights[name] * factor
        save_file(weights, file, metadata={"format": "pt"})
        return folder

    return change


@pytest.mark.parametrize(
    ("component", "role"),
    [("text_encoder", "text encoder"), ("unet", "denoiser"), ("vae", "autoencoder")],
)
def test_weights_of_nan_are_laid_to_their_component(
    component: str, role: str, changed: Callable[[str, float], Path], refuse: Refuse
) -> None:
    said = refuse(changed(component, float("nan")), "--steps", "2")

    assert f"the weights of the {role} ({component}) hold numbers that are not finite" in said


def test_an_autoencoder_too_large_for_float16_is_told_with_the_mend(
    changed: Callable[[str, float], Path], refuse: Refuse
) -> None:
    folder = changed("vae", 1e4)
    file = next((folder / "vae").glob("*.safetensors"))
    weights = load_file(file)
    weights["decoder.conv_in.weight"] *= 1e4
    save_file(weights, file, metadata={"format": "pt"})
    said = refuse(folder, "--dtype", "float16", "--steps", "2")

    assert "in float16: the autoencoder (vae) makes them" in said
    assert "give --dtype bfloat16 or float32" in said


@pytest.fixture
def flat(root: Path, tmp_path: Path) -> Iterator[Path]:
    folder = shutil.copytree(root / "tiny", tmp_path / "flat")
    file = next((folder / "vae").glob("*.safetensors"))
    weights = load_file(file)
    weights["decoder.conv_out.weight"] = torch.zeros_like(weights["decoder.conv_out.weight"])
    save_file(weights, file, metadata={"format": "pt"})
    yield folder


def test_images_without_content_are_counted_and_not_laid_to_the_judge(
    flat: Path, root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    options = f"--judge clip:local-dir:{root / 'judge'} --suite world-smoke --device cpu --limit 8"
    more = "--seeds 1 --steps 1 --no-denoiser-station"
    code = main(["audit", str(flat), *options.split(), *more.split(), "--out", str(run)])
    said = capsys.readouterr().err

    assert code == 2
    assert "none of the 8 images can be judged (one flat colour: 8)" in said
    assert "could not read" not in said
    manifest = json.loads((run / "manifest.json").read_text())
    assert manifest["flaws"] == {"one flat colour": 8}


@pytest.mark.parametrize(
    ("option", "most"),
    [
        ("--seeds", 1_000_000),
        ("--steps", 10_000),
        ("--height", 16_384),
        ("--batch-size", 65_536),
    ],
)
def test_absurd_numbers_are_refused(option: str, most: int, root: Path, refuse: Refuse) -> None:
    said = refuse(root / "tiny", option, "1000000000000")

    assert f"{option} should be at most {most}, not 1000000000000" in said


def test_more_images_than_a_run_may_have_are_refused(root: Path, refuse: Refuse) -> None:
    said = refuse(root / "tiny", "--seeds", "200000")

    assert "8 prompts x 200000 seeds make 1600000 images" in said


def test_a_complete_run_is_shown_without_sampling_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    command = ["audit", "builtin:sound", "--suite", "world-smoke", "--limit", "8", "--seeds", "1"]
    command += ["--device", "cpu", "--steps", "2", "--out", str(run)]
    assert main(command) == 0
    told = capsys.readouterr().err
    monkeypatch.setattr(diffusers.StableDiffusionPipeline, "prepare_latents", None)

    assert "8 images (8 prompts x 1 seed) of 64 x 64 pixels in 2 steps" in told
    assert main(command) == 0
