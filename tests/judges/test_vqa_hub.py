"""A VQA judge named by a hub id, here from a local cache that is read without network."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from t2i_audit.errors import JudgeError
from t2i_audit.judges.load import load_judge, load_reader
from tests.judges.tiny_vqa import tiny_vqa

COMMIT = "1" * 40
SPEC = "vqa:owner/tiny"


@pytest.fixture
def snapshot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    repository = tmp_path / "hub" / "models--owner--tiny"
    (repository / "refs").mkdir(parents=True)
    (repository / "refs" / "main").write_text(COMMIT)
    return Path(shutil.copytree(tiny_vqa(tmp_path / "tiny"), repository / "snapshots" / COMMIT))


def test_its_commit_is_in_the_fingerprint(snapshot: Path) -> None:
    judge = load_judge(SPEC, device="cpu")

    assert judge.name == SPEC
    assert judge.fingerprint["model"] == "owner/tiny"
    assert judge.fingerprint["revision"] == COMMIT


def test_a_revision_can_be_named(snapshot: Path) -> None:
    named = f"{SPEC}@{COMMIT}"

    assert load_reader(named).name == named
    with pytest.raises(JudgeError, match="check the name and the network"):
        load_reader(f"{SPEC}@{'2' * 40}")


def test_the_weights_are_not_needed_to_read_prompts(snapshot: Path) -> None:
    (snapshot / "model.safetensors").unlink()

    assert load_reader(SPEC).window == 256
    with pytest.raises(JudgeError, match="no weights in safetensors format"):
        load_judge(SPEC, device="cpu")


def test_a_judge_that_is_not_cached_is_one_sentence(snapshot: Path) -> None:
    with pytest.raises(JudgeError, match="check the name and the network") as caught:
        load_judge("vqa:owner/other", device="cpu")

    assert "\n" not in str(caught.value)
