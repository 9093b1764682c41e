"""The layout of a denoiser: declared or searched, checked by value, and never guessed."""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import WuerstchenCombinedPipeline
from diffusers.models import attention_dispatch
from diffusers.models.attention_dispatch import AttentionBackendName

from t2i_audit.activations.denoiser import GRID_SIDE, DenoiserLayout, DenoiserRecorder
from t2i_audit.cli.main import main
from t2i_audit.errors import ModelError
from t2i_audit.generation import cut_batches, sample_batch, sampling_defaults
from t2i_audit.models import load_model
from t2i_audit.models.loaded import LoadedModel
from t2i_audit.pipelines import families
from t2i_audit.pipelines.denoiser import denoiser_blocks
from t2i_audit.pipelines.families import TextFacts
from t2i_audit.pipelines.workarounds import moved_modules
from t2i_audit.settings import ImageOptions
from tests.families.checkpoints import FAMILIES
from tests.families.guided import wuerstchen
from tests.families.sampling import find_layout_of, sample_recorded
from tests.tiny import tiny_prompts

PROMPTS = tiny_prompts(4)
# Those that a user meets most.
DECLARED = (
    "stable-diffusion-1", "stable-diffusion-xl", "stable-diffusion-3", "flux-1", "flux-2",
    "qwen-image", "pixart-alpha", "pixart-sigma",
)  # fmt: skip


def layout_of(
    model: LoadedModel, name: str, prompts: Any, guidance: float | None, *, batch_size: int = 2
) -> DenoiserLayout:
    """Looked for anew, because these tests change what is found."""
    return find_layout_of(model, name, prompts, guidance, batch_size, None)


def guidance_of(model: LoadedModel) -> float | None:
    return sampling_defaults(model).guidance_scale


@pytest.mark.parametrize("name", DECLARED)
def test_the_families_that_are_met_most_are_declared(name: str, family_model: Any) -> None:
    model: LoadedModel = family_model(name)
    layout = layout_of(model, name, PROMPTS, guidance_of(model))

    assert layout.located_by == "declared"
    assert layout.fixed
    assert not layout.not_located
    assert list(layout.places.image) == list(layout.blocks)
    # One prompt alone tells as much as two.
    alone = layout_of(model, name, PROMPTS, guidance_of(model), batch_size=1)
    assert json.dumps(alone.to_json()) == json.dumps(layout.to_json())


@pytest.mark.parametrize("name", ["stable-diffusion-3", "flux-2", "qwen-image"])
def test_what_is_declared_is_what_the_search_finds(
    name: str, family_model: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    model: LoadedModel = family_model(name)
    declared = layout_of(model, name, PROMPTS, guidance_of(model))
    monkeypatch.setattr(families, "FAMILIES", {})
    monkeypatch.setattr("t2i_audit.activations.denoiser.locate.FAMILIES", {})
    searched = layout_of(model, name, PROMPTS, guidance_of(model))

    assert searched.located_by == "search"
    for key in ("conditional", "image", "text", "text_arguments"):
        assert searched.to_json()[key] == declared.to_json()[key]


def plant(monkeypatch: pytest.MonkeyPatch, denoiser: str, **changes: Any) -> None:
    """A wrong row in the table of families."""
    row = replace(families.FAMILIES[denoiser], **changes)
    monkeypatch.setitem(families.FAMILIES, denoiser, row)


WRONG = [
    ("flux-1", "FluxTransformer2DModel", {"text": {"text_encoder_2": TextFacts(shift=1)}}),
    ("flux-1", "FluxTransformer2DModel", {"joined": frozenset({"single_transformer_blocks"})}),
    ("flux-2", "Flux2Transformer2DModel", {"joined": frozenset()}),
    ("pixart-alpha", "PixArtTransformer2DModel", {"text": {"text_encoder": TextFacts("other")}}),
    (
        "stable-diffusion-1",
        "UNet2DConditionModel",
        {"text": {"text_encoder": TextFacts(shift=-34)}},
    ),
]


@pytest.mark.parametrize(("name", "denoiser", "changes"), WRONG)
def test_a_wrong_row_in_the_table_is_an_error(
    name: str,
    denoiser: str,
    changes: dict[str, Any],
    family_model: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model: LoadedModel = family_model(name)
    plant(monkeypatch, denoiser, **changes)
    with pytest.raises(ModelError, match=f"the row of {denoiser}") as caught:
        layout_of(model, name, PROMPTS, guidance_of(model))

    assert "t2i_audit/pipelines/families.py" in str(caught.value)
    assert "which does not hold" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_outputs_that_diffusers_would_declare_the_wrong_way_round_are_an_error(
    family_model: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from diffusers.hooks._helpers import TransformerBlockRegistry
    from diffusers.models.transformers.transformer_qwenimage import QwenImageTransformerBlock

    facts = copy.copy(TransformerBlockRegistry.get(QwenImageTransformerBlock))
    facts.return_hidden_states_index, facts.return_encoder_hidden_states_index = 0, 1
    monkeypatch.setitem(TransformerBlockRegistry._registry, QwenImageTransformerBlock, facts)
    model: LoadedModel = family_model("qwen-image")
    with pytest.raises(ModelError, match=r"output 0 of transformer_blocks.0 holds the image"):
        layout_of(model, "qwen-image", PROMPTS, guidance_of(model))


def test_the_sentence_reaches_the_user_before_anything_is_written(
    family_folder: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    plant(monkeypatch, "FluxTransformer2DModel", text={"text_encoder_2": TextFacts(shift=1)})
    options = "--suite world-smoke --judge oracle --device cpu --limit 8 --steps 1"
    size = "--height 16 --width 16"
    command = [
        "audit", str(family_folder("flux-1")), *options.split(), *size.split(),
        "--out", str(tmp_path / "run"),
    ]  # fmt: skip

    assert main(command) == 2
    said = [line for line in capsys.readouterr().err.splitlines() if "t2i-audit" in line]
    assert len(said) == 1
    assert "the row of FluxTransformer2DModel (FLUX.1)" in said[0]
    assert not (tmp_path / "run").exists()


@pytest.fixture(scope="module")
def wuerstchen_model(tmp_path_factory: pytest.TempPathFactory) -> LoadedModel:
    folder = tmp_path_factory.mktemp("wuerstchen")
    with moved_modules(["wuerstchen"]):
        pipeline = WuerstchenCombinedPipeline(**wuerstchen())
    pipeline.save_pretrained(folder)
    return load_model(str(folder), device="cpu")


CONDITIONAL_FIRST = {"lumina": "lumina", "stable-cascade": "stable-cascade", "wuerstchen": ""}


@pytest.mark.parametrize("hidden", [False, True])
@pytest.mark.parametrize("name", CONDITIONAL_FIRST)
def test_a_conditional_part_that_comes_first_is_told_at_batch_size_1(
    name: str, hidden: bool, family_model: Any, wuerstchen_model: LoadedModel
) -> None:
    """By the states of the prompt, and where these are hidden by what differs with the prompt."""
    model = family_model(name) if name in FAMILIES else wuerstchen_model
    family = name if name in FAMILIES else "stable-cascade"
    component, blocks = denoiser_blocks(model.pipeline)
    denoiser = model.pipeline.components[component]
    path, block = list(blocks.items())[-1]
    handles = [denoiser.register_forward_pre_hook(_hide, with_kwargs=True)] if hidden else []
    kept: list[Any] = []
    handles.append(block.register_forward_hook(lambda _, __, output: kept.append(output)))
    layout = layout_of(model, family, PROMPTS, None, batch_size=1)
    kept.clear()
    _, parts = sample_recorded(
        model, family, PROMPTS[:1], None, batch_size=1, steps=(0,), layout=layout
    )
    for handle in handles:
        handle.remove()

    assert bool(layout.places.states) == (not hidden)
    assert (layout.conditional, layout.places.part, layout.places.parts) == ("first", 0, 2)
    state = kept[0][:1]
    if state.ndim == 3:
        side = round(state.shape[1] ** 0.5)
        state = state.transpose(1, 2).unflatten(2, (side, side))
    expected = torch.nn.functional.adaptive_avg_pool2d(state, GRID_SIDE).flatten(1).numpy()
    recorded = parts[0].arrays[component, f"{path}@step_0", "grid"]
    np.testing.assert_allclose(recorded, expected, atol=1e-6)


def _hide(_: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Change every state of the text in a way that tells nothing of where it came from."""

    def changed(value: Any) -> Any:
        if isinstance(value, torch.Tensor) and value.is_floating_point() and value.ndim == 3:
            return value.roll(1, dims=-1) * torch.linspace(-3, 5, value.shape[-1])
        return value

    return tuple(map(changed, args)), {name: changed(each) for name, each in kwargs.items()}


def test_a_conditional_part_that_nothing_tells_is_not_guessed(
    family_model: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every part depends on the prompt, and none holds its states."""
    model: LoadedModel = family_model("lumina")

    def mix(module: Any, args: Any, kwargs: dict[str, Any]) -> Any:
        args, kwargs = _hide(module, args, kwargs)
        text = kwargs["encoder_hidden_states"]
        return args, {**kwargs, "encoder_hidden_states": text + text.flip(0)}

    handle = model.pipeline.transformer.register_forward_pre_hook(mix, with_kwargs=True)
    layout = layout_of(model, "lumina", PROMPTS, None)
    handle.remove()

    assert layout.conditional is None
    assert layout.to_json()["located"] == "no"
    assert "could not be determined" in layout.not_located[0]


@pytest.mark.slow
def test_an_encoder_that_is_not_in_the_denoiser_is_noted_and_so_said(
    family_folder: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """FIBO 2 scales every state before the denoiser gets it."""
    from tests.tiny import tiny_open_clip

    judge = tiny_open_clip(tmp_path / "judge")
    run = tmp_path / "run"
    options = (
        f"--suite world-smoke --judge clip:local-dir:{judge} --device cpu --limit 8 --seeds 1 "
        "--steps 1 --height 16 --width 16"
    )
    folder = str(family_folder("bria-fibo-2"))
    assert main(["audit", folder, *options.split(), "--out", str(run)]) == 0
    captured = capsys.readouterr()
    sentence = (
        "The prompts' tokens as text_encoder computes them are not in what the denoiser is given"
    )
    layout = json.loads((run / "manifest.json").read_text())["settings"]["denoiser_layout"]

    assert sentence in " ".join(captured.err.split())
    assert any(note.startswith(sentence) for note in _notes(run))
    assert layout["located"] == "no"
    assert layout["not_located"][0].startswith(sentence)


def _notes(run: Path) -> list[str]:
    notes: list[str] = json.loads((run / "summary.json").read_text())["notes"]
    return notes


def features(model: LoadedModel, name: str, layout: Any = None) -> dict[Any, np.ndarray]:
    side = FAMILIES[name].side
    recorder = DenoiserRecorder(model.pipeline, steps=(0,), layout=layout)
    (batch,) = cut_batches(PROMPTS, seeds=1, batch_size=4)
    size = ImageOptions(height=side, width=side)
    sample_batch(
        model, batch, steps=2, guidance_scale=guidance_of(model), recorder=recorder, options=size
    )
    return dict(recorder.take().arrays)


@pytest.mark.parametrize("in_place", [False, True])
@pytest.mark.parametrize("name", ["stable-diffusion-1", "flux-1"])
def test_a_compiled_denoiser_is_recorded_as_if_it_were_not(
    name: str, in_place: bool, family_folder: Any
) -> None:
    model = load_model(str(family_folder(name)), device="cpu")
    expected = features(model, name)
    component, _ = denoiser_blocks(model.pipeline)
    denoiser = model.pipeline.components[component]
    if in_place:
        denoiser.compile(backend="eager")
    else:
        setattr(model.pipeline, component, torch.compile(denoiser, backend="eager"))
    # What was compiled before any hook was there does not run those that come later.
    plain = sample_batch(
        model, cut_batches(PROMPTS, seeds=1, batch_size=4)[0], steps=2,
        guidance_scale=guidance_of(model),
        options=ImageOptions(height=FAMILIES[name].side, width=FAMILIES[name].side),
    )  # fmt: skip
    layout = layout_of(model, name, PROMPTS, guidance_of(model))
    found = features(model, name, layout)

    assert plain.finite.all()
    assert found.keys() == expected.keys()
    for key, values in expected.items():
        np.testing.assert_allclose(found[key], values, atol=1e-5, err_msg=str(key))
    assert torch._dynamo.eval_frame._stance.stance == "default"


def test_attention_of_another_backend_is_seen_and_the_backend_is_put_back(
    family_model: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    model: LoadedModel = family_model("cosmos-2")
    expected = features(model, "cosmos-2")
    registry = attention_dispatch._AttentionBackendRegistry
    used: list[int] = []

    def by_hand(query: Any, key: Any, value: Any, **_: Any) -> torch.Tensor:
        used.append(1)
        query, key, value = (each.transpose(1, 2) for each in (query, key, value))
        scores = query @ key.transpose(-1, -2) / query.shape[-1] ** 0.5
        return (torch.softmax(scores, dim=-1) @ value).transpose(1, 2)

    other = AttentionBackendName.XFORMERS
    monkeypatch.setitem(registry._backends, other, by_hand)
    monkeypatch.setitem(registry._supported_arg_names, other, {"query", "key", "value"})
    monkeypatch.setattr(registry, "_active_backend", other)
    # Where its projections alone would tell what a module attends with, they are not looked at.
    monkeypatch.setattr(
        "t2i_audit.activations.denoiser.attention.CrossAttention._projected_scores",
        lambda *_: None,
    )
    found = features(model, "cosmos-2")

    assert "object_1.colour" in {position for _, _, position in found}
    for key, values in expected.items():
        np.testing.assert_allclose(found[key], values, atol=1e-5, err_msg=str(key))
    assert used  # at the step that is not recorded
    assert registry._active_backend == other


def test_attention_that_cannot_be_seen_is_said(
    family_model: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    model: LoadedModel = family_model("hunyuan-dit")
    whole = torch.nn.functional.scaled_dot_product_attention
    monkeypatch.setattr(
        torch.nn.functional, "scaled_dot_product_attention", lambda *a, **k: whole(*a, **k)
    )
    # As a kernel of its own would, it leaves nothing of the call to be seen.
    monkeypatch.setattr(
        "t2i_audit.activations.denoiser.attention.CrossAttention._keep_attended",
        lambda *_, **__: None,
    )
    layout = layout_of(model, "hunyuan-dit", PROMPTS, guidance_of(model))

    assert "cross-attention of blocks.0, blocks.1" in " ".join(layout.not_located)
    assert layout.to_json()["located"] == "no"


def test_an_error_in_a_hook_while_sampling_is_not_laid_to_the_pipeline(
    family_folder: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """In the dry call all goes well."""
    from tests.tiny import tiny_open_clip

    judge = tiny_open_clip(tmp_path / "judge")
    read, done = DenoiserRecorder._read, []

    def broken(self: Any, path: str, output: Any, places: Any) -> None:
        if self._layout is not None:
            done.append(path)
            monkeypatch.setattr("t2i_audit.activations.denoiser.reader.GRID_SIDE", -1)
        read(self, path, output, places)

    monkeypatch.setattr(DenoiserRecorder, "_read", broken)
    options = (
        f"--suite world-smoke --judge clip:local-dir:{judge} --device cpu --limit 8 --seeds 1 "
        "--steps 2 --height 16 --width 16"
    )
    folder = str(family_folder("stable-diffusion-1"))
    code = main(["audit", folder, *options.split(), "--out", str(tmp_path / "run")])
    said = [line for line in capsys.readouterr().err.splitlines() if "t2i-audit:" in line]

    assert done
    assert code == 2
    assert "cannot be recorded (RuntimeError" in said[-1]
    assert "--no-denoiser-station" in said[-1]
    assert "fails on" not in said[-1]
