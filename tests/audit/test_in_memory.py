"""An audit of a pipeline in memory: the figures of the same checkpoint on disk, and no trace."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import t2i_audit as t2i
from t2i_audit.audit import audit_in_memory
from t2i_audit.cli.main import main
from t2i_audit.models.undisturbed import undisturbed
from t2i_audit.reporter import Advance
from t2i_audit.settings import AuditSettings, settings_from
from tests.audit.small import results

# What `small.OPTIONS` say, and what the checkpoint's own file says of its guidance.
OPTIONS: dict[str, Any] = {
    "judge": "oracle", "device": "cpu", "seeds": 2, "steps": 2, "batch_size": 2,
    "guidance_scale": 1.5, "random_weights": 1,
}  # fmt: skip
ALWAYS_OTHER = {"model", "checkpoint", "weights_sha256", "in_memory"}


@pytest.fixture
def pipeline() -> Any:
    return t2i.load_model("builtin:sound", device="cpu").pipeline


@pytest.fixture(scope="module")
def finished(suite: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of a pipeline in memory; not to be changed."""
    out = tmp_path_factory.mktemp("memory") / "run"
    own = t2i.load_model("builtin:sound", device="cpu").pipeline
    t2i.audit(own, name="mine", suite=suite, out=out, **OPTIONS)
    return out


def settings_in(run: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((run / "manifest.json").read_text())["settings"]
    return found


def test_the_figures_are_those_of_the_checkpoint_on_disk(finished: Path, whole: Path) -> None:
    memory, disk = results(finished), results(whole)
    summaries = [json.loads(each.pop("summary.json")) for each in (memory, disk)]

    assert memory == disk
    assert [each.pop("model") for each in summaries] == ["mine", "builtin:sound"]
    assert summaries[0] == summaries[1]


def test_the_manifest_differs_in_what_identifies_the_model(finished: Path, whole: Path) -> None:
    memory, disk = settings_in(finished), settings_in(whole)
    differing = {name for name in {**memory, **disk} if memory.get(name) != disk.get(name)}

    # Beside these only where the guidance comes from: the option here, the checkpoint's file there.
    assert differing - ALWAYS_OTHER == {"sampler"}
    assert {**memory["sampler"], "guidance_from": ""} == {**disk["sampler"], "guidance_from": ""}
    assert set(memory["checkpoint"]["unet"]) == {"config", "weights"}


def test_it_resumes_with_the_same_weights_and_no_others(
    finished: Path, suite: Path, pipeline: Any, tmp_path: Path
) -> None:
    run = Path(shutil.copytree(finished, tmp_path / "run"))
    before = results(run)
    again: dict[str, Any] = {**OPTIONS, "name": "mine", "suite": suite, "out": run}
    assert t2i.audit(pipeline, **again).summary.model == "mine"

    with torch.no_grad():
        pipeline.unet.conv_in.bias[0] += 1
    with pytest.raises(t2i.AuditError, match="unet/weights of the checkpoint has changed"):
        t2i.audit(pipeline, **again)
    with pytest.raises(t2i.AuditError, match="model is 'mine' there and 'other' here"):
        t2i.audit(pipeline, **{**again, "name": "other"})
    assert results(run) == before


@pytest.mark.parametrize(
    ("command", "instead"),
    [(["merge"], "finish it with t2i.audit"), (["forecast", "--prompts"], "give --words-alone")],
)
def test_a_command_that_would_load_it_says_what_to_do_instead(
    command: list[str],
    instead: str,
    finished: Path,
    suite: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    name, *more = command
    assert main([name, str(finished), *more, *([str(suite)] if more else [])]) == 2
    said = " ".join(capsys.readouterr().err.split())
    assert (
        f"is of 'mine', a pipeline that was in memory, which no command can load; {instead}" in said
    )


class EndedAt:
    """A reporter whose stage `name` ends the audit with `error`."""

    def __init__(self, name: str, error: BaseException) -> None:
        self.name, self.error = name, error

    def note(self, sentence: str) -> None:
        pass

    @contextmanager
    def stage(self, name: str, total: int, *, done: int = 0) -> Iterator[Advance]:
        if name == self.name:
            raise self.error
        yield lambda n=1: None


def state_of(pipeline: Any) -> dict[str, Any]:
    """All that an audit could change, in values that can be compared."""
    networks = {name: getattr(pipeline, name) for name in ("unet", "vae", "text_encoder")}
    state: dict[str, Any] = {
        "python": random.getstate(),
        "numpy": repr(np.random.get_state()),
        "torch": torch.get_rng_state().tolist(),
        "grad": torch.is_grad_enabled(),
        "autocast": torch.is_autocast_enabled("cpu"),
        "scheduler": {key: repr(each) for key, each in vars(pipeline.scheduler).items()},
        "bar": dict(pipeline._progress_bar_config),
        "limit": pipeline.tokenizer.model_max_length,
        "config": repr(pipeline.config),
    }
    for name, network in networks.items():
        for key, module in network.named_modules():
            hooks = [*module._forward_hooks, *module._forward_pre_hooks]
            state[f"{name} {key}"] = (module.training, hooks, sorted(vars(module)))
        for key, each in network.named_parameters():
            grad = None if each.grad is None else each.grad.data_ptr()
            where = (id(each), each.data_ptr(), each.device, each.dtype, each.requires_grad)
            state[f"{name} {key} weight"] = (*where, grad, each._version)
    return state


def ended_by_an_error(pipeline: Any, settings: AuditSettings) -> None:
    with pytest.raises(RuntimeError, match="planted"):
        audit_in_memory(pipeline, settings, EndedAt("images", RuntimeError("planted")))


def ended_by_the_user(pipeline: Any, settings: AuditSettings) -> None:
    with pytest.raises(KeyboardInterrupt):
        audit_in_memory(pipeline, settings, EndedAt("random denoiser", KeyboardInterrupt()))


def within_another(pipeline: Any, settings: AuditSettings) -> None:
    with undisturbed():
        random.random()
        torch.rand(1)
        np.random.rand()
        inside = state_of(pipeline)
        audit_in_memory(pipeline, settings)
        assert state_of(pipeline) == inside


@pytest.mark.parametrize("audited", [within_another, ended_by_an_error, ended_by_the_user])
def test_the_callers_objects_are_left_as_they_were(
    audited: Callable[[Any, AuditSettings], None], pipeline: Any, suite: Path, tmp_path: Path
) -> None:
    pipeline.unet.train()
    pipeline.vae.requires_grad_(False)
    pipeline.unet.mid_block.register_forward_hook(lambda *_: pytest.fail("the caller's hook ran"))
    pipeline.scheduler.set_timesteps(7)
    pipeline.set_progress_bar_config(desc="mine")
    pipeline.unet.conv_in.weight.sum().backward()
    given = {**OPTIONS, "model": "mine", "suite": str(suite), "out": tmp_path / "run", "seeds": 1}
    settings = settings_from(AuditSettings, {**given, "random_weights": 1})

    with torch.autocast("cpu", dtype=torch.bfloat16):
        before = state_of(pipeline)
        audited(pipeline, settings)
        after = state_of(pipeline)

    assert {key for key in before if before[key] != after[key]} == set()


def test_a_name_belongs_to_a_pipeline_in_memory_alone(pipeline: Any, tmp_path: Path) -> None:
    with pytest.raises(t2i.AuditError, match="needs a `name`"):
        t2i.audit(pipeline, out=tmp_path / "run")
    with pytest.raises(t2i.AuditError, match="leave it out"):
        t2i.audit("builtin:sound", name="mine", out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_pipeline_without_text_encoder_is_one_sentence(pipeline: Any, tmp_path: Path) -> None:
    pipeline.text_encoder = None
    with pytest.raises(t2i.AuditError, match="has no text encoder that can be probed"):
        t2i.audit(pipeline, name="mine", suite="world-smoke", limit=8, out=tmp_path / "run")
    assert not (tmp_path / "run").exists()
