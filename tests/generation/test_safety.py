"""A reader is told what a pipeline did to its images after it had drawn them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from prompts.suite import load_suite
from t2i_audit.cli.main import main
from t2i_audit.generation import Sampled, cut_batches, sample_batch
from t2i_audit.models.loaded import LoadedModel
from t2i_audit.pipelines.arguments import pipeline_call, sampler_options
from t2i_audit.pipelines.safety import BLOCKED, safety_notes
from t2i_audit.pipelines.workarounds import quiet_libraries
from t2i_audit.run.tables import read_rows, table_path
from t2i_audit.settings import ImageOptions
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
    size = ImageOptions(height=side, width=side)
    return sample_batch(model, batch, steps=1, guidance_scale=1.0, options=size)


def notes_of(model: LoadedModel, judged: list[dict[str, Any]]) -> list[str]:
    adapter = model.adapter
    return safety_notes(judged, checker=adapter.safety_checker, watermarker=adapter.watermarker)


def test_a_watermarker_is_named_when_it_is_active(tiny: LoadedModel) -> None:
    pipeline = build("stable-diffusion-xl")
    pipeline.set_progress_bar_config(disable=True)
    pipeline.watermark = None
    model = replace(tiny, pipeline=pipeline)
    plain = draw(model, side=16)
    assert notes_of(model, []) == []

    pipeline.watermark = WhiteCorner()
    model = replace(tiny, pipeline=pipeline)
    marked = draw(model, side=16)

    assert (marked.images[:, 0, 0] == 255).all()
    assert not (plain.images[:, 0, 0] == 255).all()
    np.testing.assert_array_equal(marked.images[:, 1:], plain.images[:, 1:])
    (note,) = notes_of(model, [])
    assert note.startswith("WhiteCorner puts a watermark into the images")


@pytest.mark.parametrize(("threshold", "blocked"), [(-100.0, True), (100.0, False)])
def test_images_that_the_safety_checker_blackens_are_counted(
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
    (note,) = notes_of(replace(tiny, pipeline=pipeline), judged)
    assert f"blacked out {2 * blocked} of 2 images" in note


def test_without_a_checker_there_is_no_note_on_one(tiny: LoadedModel) -> None:
    assert notes_of(tiny, [{"flaw": None}, {"flaw": "not finite"}]) == []


def test_an_audit_leaves_out_what_the_safety_checker_blackens(
    tiny: LoadedModel, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = {"seeds": 1, "steps": 2, "guidance-scale": 3, "batch-size": 6, "limit": 12}
    prompts = load_suite("world-smoke").prompts[:12]
    batches = cut_batches(prompts, seeds=1, batch_size=6)
    sampled = [sample_batch(tiny, batch, steps=2, guidance_scale=3.0) for batch in batches]
    scores = np.sort(concept_scores(np.concatenate([each.images for each in sampled])))
    # Between the eighth and the ninth, so that it fires on four.
    parts = safety_checker(float(scores[7:9].mean()))
    folder, out = tmp_path / "model", tmp_path / "run"
    with quiet_libraries():
        pipeline = type(tiny.pipeline)(**tiny.pipeline.components | parts)
        pipeline.save_pretrained(folder)

    fixed = "--suite world-smoke --judge clip:builtin:clip-judge --device cpu --no-denoiser-station"
    words = [word for name, value in options.items() for word in (f"--{name}", str(value))]
    assert main(["audit", str(folder), *fixed.split(), *words, "--out", str(out)]) == 0

    judged = read_rows(table_path(out, "judgements"), "judgements")
    assert [row["flaw"] for row in judged if row["flaw"]] == [BLOCKED] * 4
    assert all((row["correct"] is None) == (row["flaw"] == BLOCKED) for row in judged)
    summary = json.loads((out / "summary.json").read_text())
    assert summary["n_excluded"] == 4
    assert summary["success"]["overall"]["n"] == 8
    assert any("blacked out 4 of 12 images" in note for note in summary["notes"])
    manifest = json.loads((out / "manifest.json").read_text())
    assert manifest["flaws"] == {BLOCKED: 4}
    assert manifest["settings"]["sampler"]["safety_checker"] == "StableDiffusionSafetyChecker"
    assert "blacked out 4 of 12 images" in " ".join(capsys.readouterr().out.split())


def concept_scores(images: np.ndarray) -> np.ndarray:
    """What the tiny safety checker compares with its threshold, of each of ``(b, h, w, 3)``."""
    checker, seeing = safety_checker(0.0).values()
    given = seeing([Image.fromarray(image) for image in images], return_tensors="pt")
    with torch.no_grad():
        seen = checker.visual_projection(checker.vision_model(given.pixel_values)[1])
    concepts = torch.nn.functional.cosine_similarity(seen, checker.concept_embeds[:1])
    return np.asarray(concepts)


@pytest.mark.parametrize("firing", ["p_head", "w_head", None])
def test_deepfloyds_checker_is_counted_and_its_watermark_is_not_put_in(
    firing: str | None, tiny: LoadedModel
) -> None:
    from diffusers.pipelines.deepfloyd_if import IFWatermarker

    plain = build("deepfloyd-if")
    marker = IFWatermarker()
    marker.watermark_image.fill_(255)
    parts = deepfloyd_checker(firing) | {"watermarker": marker}
    checked = type(plain)(**plain.components | parts)
    for pipeline in (plain, checked):
        pipeline.set_progress_bar_config(disable=True)
    without, sampled = (draw(replace(tiny, pipeline=each)) for each in (plain, checked))

    assert sampled.blocked.tolist() == [firing is not None] * 2
    assert without.images.any()
    np.testing.assert_array_equal(sampled.images, 0 if firing else without.images)
    judged = [{"flaw": BLOCKED if each else None} for each in sampled.blocked]
    (note,) = notes_of(replace(tiny, pipeline=checked), judged)
    assert f"blacked out {2 * bool(firing)} of 2 images" in note


VISION = {
    "hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2,
    "image_size": 16, "patch_size": 8, "projection_dim": 8,
}  # fmt: skip


def deepfloyd_checker(firing: str | None) -> dict[str, Any]:
    """DeepFloyd IF's own, tiny: of its two heads only `firing` sees anything, in every image."""
    from diffusers.pipelines.deepfloyd_if.safety_checker import IFSafetyChecker
    from transformers import CLIPConfig

    checker = IFSafetyChecker(CLIPConfig(vision_config=VISION, projection_dim=8))
    for name in ("p_head", "w_head"):
        getattr(checker, name).bias.data.fill_(100.0 if name == firing else -100.0)
    return {"safety_checker": checker.eval(), "feature_extractor": extractor()}


def safety_checker(threshold: float) -> dict[str, Any]:
    """Stable Diffusion's own, tiny: each concept is seen above a cosine similarity."""
    from diffusers.pipelines.stable_diffusion import StableDiffusionSafetyChecker
    from transformers import CLIPConfig

    torch.manual_seed(0)
    checker = StableDiffusionSafetyChecker(CLIPConfig(vision_config=VISION, projection_dim=8))
    checker.concept_embeds_weights.data.fill_(threshold)
    checker.special_care_embeds_weights.data.fill_(100.0)
    return {"safety_checker": checker.eval(), "feature_extractor": extractor()}


def extractor() -> Any:
    from transformers import CLIPImageProcessor

    return CLIPImageProcessor(size={"shortest_edge": 16}, crop_size={"height": 16, "width": 16})


def test_what_is_not_asked_for_is_recorded_as_the_pipelines_own(tiny: LoadedModel) -> None:
    own = sampler_options(pipeline_call(tiny.pipeline), ImageOptions(), 7.5)
    asked = sampler_options(
        pipeline_call(tiny.pipeline), ImageOptions(16, None, "a green star"), 7.5
    )

    assert own == {"height": 16, "width": 16, "negative_prompt": None}
    assert asked == {"height": 16, "width": 16, "negative_prompt": "a green star"}
    # What stands for "no prompt" in a pipeline that would leave guidance out without one.
    qwen = sampler_options(pipeline_call(build("qwen-image")), ImageOptions(), 4.0)
    assert qwen["negative_prompt"] == " "
