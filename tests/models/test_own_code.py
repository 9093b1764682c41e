"""Code that a checkpoint brings runs when the user names that checkpoint, and never else."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from t2i_audit.cli.main import main
from t2i_audit.errors import ModelError
from t2i_audit.models import load_model
from t2i_audit.settings import ModelOptions

# Each leaves a trace where it is imported, whether its class is used or not.
TRACE = "from pathlib import Path\nPath({trace!r}).touch()\n"
PIPELINE = TRACE + (
    "from diffusers import StableDiffusionPipeline\n"
    "class TracingPipeline(StableDiffusionPipeline):\n    pass\n"
)
ENCODER = TRACE + (
    "from transformers import CLIPTextModel\nclass TracingEncoder(CLIPTextModel):\n    pass\n"
)


def index(folder: Path, **changes: object) -> None:
    path = folder / "model_index.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def own_pipeline(folder: Path, trace: Path) -> None:
    (folder / "tracing_pipeline.py").write_text(PIPELINE.format(trace=str(trace)))
    index(folder, _class_name=["tracing_pipeline", "TracingPipeline"])


def own_encoder(folder: Path, trace: Path) -> None:
    code = ENCODER.format(trace=str(trace))
    (folder / "text_encoder" / "tracing_encoder.py").write_text(code)
    index(folder, text_encoder=["tracing_encoder", "TracingEncoder"])


def own_encoder_of_a_librarys_name(folder: Path, trace: Path) -> None:
    code = ENCODER.format(trace=str(trace))
    (folder / "text_encoder" / "transformers.py").write_text(code)
    index(folder, text_encoder=["transformers", "TracingEncoder"])


WAYS = [
    (own_pipeline, "the pipeline itself"),
    (own_encoder, "text_encoder"),
    (own_encoder_of_a_librarys_name, "text_encoder"),
]
Bring = Callable[[Path, Path], None]


@pytest.fixture(autouse=True)
def modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The folder from which diffusers imports such code is one of the test's own."""
    from diffusers.utils import dynamic_modules_utils

    monkeypatch.setattr(dynamic_modules_utils, "HF_MODULES_CACHE", str(tmp_path / "modules"))
    monkeypatch.syspath_prepend(tmp_path / "modules")


@pytest.fixture
def copied(checkpoint: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(checkpoint, tmp_path / "copy"))


def load(folder: Path, trusted: Path | None) -> Any:
    options = ModelOptions(trust_remote_code=None if trusted is None else str(trusted))
    return load_model(str(folder), device="cpu", options=options).pipeline


@pytest.mark.parametrize(("bring", "what"), WAYS)
def test_code_does_not_run_unless_its_checkpoint_is_named(
    bring: Bring, what: str, checkpoint: Path, copied: Path, tmp_path: Path
) -> None:
    bring(copied, tmp_path / "trace")

    for trusted in (None, checkpoint):
        with pytest.raises(ModelError, match=rf"code of its own \({what}\).*--trust-remote-code"):
            load(copied, trusted)
    assert not (tmp_path / "trace").exists()


@pytest.mark.parametrize(("bring", "what"), WAYS)
def test_code_of_a_named_checkpoint_runs(
    bring: Bring, what: str, copied: Path, tmp_path: Path
) -> None:
    bring(copied, tmp_path / "trace")

    pipeline = load(copied, copied)

    assert (tmp_path / "trace").exists()
    own = pipeline if what == "the pipeline itself" else pipeline.text_encoder
    assert type(own).__name__.startswith("Tracing")


def test_a_hub_ids_code_does_not_run_while_it_is_fetched(
    copied: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from huggingface_hub import constants

    own_pipeline(copied, tmp_path / "trace")
    repository = tmp_path / "hub" / "models--owner--own"
    (repository / "refs").mkdir(parents=True)
    (repository / "refs" / "main").write_text("3" * 40)
    shutil.copytree(copied, repository / "snapshots" / ("3" * 40))
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)

    with pytest.raises(ModelError, match=r"'owner/own' brings code of its own"):
        load_model("owner/own", device="cpu")
    assert not (tmp_path / "trace").exists()

    trusting = ModelOptions(trust_remote_code="owner/own")
    load_model("owner/own", device="cpu", options=trusting)
    assert (tmp_path / "trace").exists()


def test_a_text_encoder_with_code_of_its_own_is_probed(copied: Path, tmp_path: Path) -> None:
    own_encoder(copied, tmp_path / "trace")
    fixed = "--suite world-smoke --limit 8 --device cpu"
    command = ["probe", str(copied), *fixed.split()]

    assert main([*command, "--out", str(tmp_path / "a")]) == 2
    trust = ["--trust-remote-code", str(copied)]
    assert main([*command, *trust, "--out", str(tmp_path / "a")]) == 0
