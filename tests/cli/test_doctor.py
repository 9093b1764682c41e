"""``t2i-audit doctor`` shows what an audit would read before anything is spent."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import diffusers
import pytest

from t2i_audit.cli.main import main
from tests.families.loading import save_family
from tests.tiny import tiny_pipeline


def test_a_builtin_checkpoint_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "builtin:patchy", "--device", "cpu", "--steps", "3"]) == 0

    shown = capsys.readouterr().out
    for each in (
        "builtin:patchy: StableDiffusionPipeline, float32 on cpu",
        "3 sampling steps, guidance 1.5, 64 x 64 pixels",
        "unet          UNet2DConditionModel  4,283,012   float32  cpu",
        "text_encoder  CLIPTextModel  3       128    CLIPTokenizer  16 tokens",
        "Denoiser unet: located by declaration, in one call; conditional part: last",
        "text_encoder is given as encoder_hidden_states, not shifted",
        "mid_block      output 0, 4 x 4",
    ):
        assert each in shown
    assert "Note:" not in shown


def test_json_holds_the_layout_of_the_manifest(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = save_family("flux-2", tmp_path)
    capsys.readouterr()
    options = "--device cpu --dtype float32 --height 16 --width 16 --json"

    assert main(["doctor", str(folder), *options.split()]) == 0
    found = json.loads(capsys.readouterr().out)
    block = "single_transformer_blocks.1"
    assert found["denoiser"]["image"][block] == {"output": "0", "first": -64, "size": [8, 8]}
    assert found["denoiser"]["text"][block] == {"text_encoder": {"output": "0", "shift": 0}}
    assert found["denoiser"]["located_by"] == "declared"
    assert found["size"] == [16, 16]
    assert found["problem"] is None
    assert {each["name"] for each in found["components"]} == {
        "text_encoder", "transformer", "vae",
    }  # fmt: skip


def test_what_an_audit_would_refuse_is_said_with_what_was_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tiny_pipeline(tmp_path / "tiny")
    forward = diffusers.UNet2DConditionModel.forward
    # Called past its hooks, so that nothing of it can be seen.
    monkeypatch.setattr(diffusers.UNet2DConditionModel, "__call__", forward)
    capsys.readouterr()

    assert main(["doctor", str(folder), "--device", "cpu"]) == 2
    captured = capsys.readouterr()
    assert "conditional part: not located" in captured.out
    assert "CLIPTextModel" in captured.out
    assert captured.err.splitlines()[-1].endswith("give --no-denoiser-station")
    assert "no call of the denoiser was seen" in captured.err


def test_a_model_that_does_not_load_is_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tiny_pipeline(tmp_path / "tiny")
    shutil.rmtree(folder / "unet")
    capsys.readouterr()

    assert main(["doctor", str(folder), "--device", "cpu"]) == 2
    captured = capsys.readouterr()
    assert not captured.out
    assert "t2i-audit:" in captured.err
