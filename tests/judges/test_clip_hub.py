"""A judge of open_clip's list is read from safetensors alone, here from a local cache."""

from __future__ import annotations

import json
import shutil
import warnings
from pathlib import Path

import open_clip
import pytest
import torch
from safetensors.torch import load_file

from t2i_audit.errors import JudgeError
from t2i_audit.judges.clip import ClipJudge
from t2i_audit.models.builtin import builtin_folder
from tests.tiny import tiny_open_clip

COMMIT = "1" * 40
SAFE, PICKLE = "open_clip_model.safetensors", "open_clip_pytorch_model.bin"
SPEC = "clip:tiny-judge/own"


@pytest.fixture
def snapshot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A tiny judge on open_clip's list; its folder in a cache that is read without network."""
    from huggingface_hub import constants
    from open_clip import pretrained

    config = json.loads((tiny_open_clip(tmp_path / "tiny") / "open_clip_config.json").read_text())
    (tmp_path / "tiny-judge.json").write_text(json.dumps(config["model_cfg"]))
    open_clip.add_model_config(tmp_path / "tiny-judge.json")
    listed = {"own": {"hf_hub": "owner/tiny/"}}
    monkeypatch.setitem(pretrained._PRETRAINED, "tiny-judge", listed)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    repository = tmp_path / "hub" / "models--owner--tiny"
    (repository / "refs").mkdir(parents=True)
    (repository / "refs" / "main").write_text(COMMIT)
    folder = repository / "snapshots" / COMMIT
    folder.mkdir(parents=True)
    return folder


def test_safetensors_are_read(snapshot: Path, tmp_path: Path) -> None:
    shutil.copy(tmp_path / "tiny" / SAFE, snapshot / SAFE)
    torch.save({}, snapshot / PICKLE)

    judge = ClipJudge.from_spec(SPEC, device="cpu")

    state = judge.model.state_dict()
    assert all(torch.equal(state[key], each) for key, each in load_file(snapshot / SAFE).items())


def test_weights_run_with_the_activation_that_they_were_trained_with(
    snapshot: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """OpenAI's need QuickGELU, which the name ViT-L-14 leaves out."""
    from open_clip import pretrained
    from open_clip.transformer import QuickGELU

    shutil.copy(tmp_path / "tiny" / SAFE, snapshot / SAFE)
    plain = ClipJudge.from_spec(SPEC, device="cpu")
    listed = {"own": {"hf_hub": "owner/tiny/", "quick_gelu": True}}
    monkeypatch.setitem(pretrained._PRETRAINED, "tiny-judge", listed)

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        quick = ClipJudge.from_spec(SPEC, device="cpu")

    assert [
        any(isinstance(each, QuickGELU) for each in judge.model.modules())
        for judge in (plain, quick)
    ] == [False, True]
    assert plain.fingerprint["config_sha256"] != quick.fingerprint["config_sha256"]


def test_the_tokenizer_that_comes_from_the_hub_is_in_the_identity(
    snapshot: Path, tmp_path: Path
) -> None:
    shutil.copy(tmp_path / "tiny" / SAFE, snapshot / SAFE)
    config = json.loads((tmp_path / "tiny-judge.json").read_text())
    config["text_cfg"]["hf_tokenizer_name"] = "owner/tiny"
    (tmp_path / "tiny-judge.json").write_text(json.dumps(config))
    open_clip.add_model_config(tmp_path / "tiny-judge.json")
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(builtin_folder("clip-judge") / name, snapshot / name)
    (snapshot / "config.json").write_text('{"model_type": "clip"}')
    before = ClipJudge.from_spec(SPEC, device="cpu").fingerprint

    words = (snapshot / "tokenizer.json").read_text()
    (snapshot / "tokenizer.json").write_text(words.replace('"lstrip": false', '"lstrip": true'))
    after = ClipJudge.from_spec(SPEC, device="cpu").fingerprint

    assert {name for name in before if before[name] != after[name]} == {"tokenizer_sha256"}


def test_a_pickle_is_refused_with_the_way_to_convert_it(snapshot: Path) -> None:
    torch.save({}, snapshot / PICKLE)
    # So the hub's client remembers that the repository has no such file.
    absent = snapshot.parents[1] / ".no_exist" / COMMIT / SAFE
    absent.parent.mkdir(parents=True)
    absent.touch()

    with pytest.raises(
        JudgeError, match=r"only as a pickle.*save them with safetensors.*local-dir"
    ):
        ClipJudge.from_spec(SPEC, device="cpu")


def test_a_judge_that_is_not_cached_is_one_sentence(snapshot: Path) -> None:
    torch.save({}, snapshot / PICKLE)  # which open_clip by itself would take

    with pytest.raises(JudgeError, match="check the name and the network") as caught:
        ClipJudge.from_spec(SPEC, device="cpu")

    assert "\n" not in str(caught.value)
