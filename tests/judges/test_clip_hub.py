"""A judge of open_clip's list is read from safetensors alone, here from a local cache."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import open_clip
import pytest
import torch
from safetensors.torch import load_file

from t2i_audit.errors import JudgeError
from t2i_audit.judges.clip import ClipJudge
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
