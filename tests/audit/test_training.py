"""Audits in the middle of a training, which goes on unchanged, and what trackers get of them."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from diffusers import DDPMScheduler
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torch.nn import functional

import t2i_audit as t2i
from prompts.world import content_of
from t2i_audit.report.image_grid import image_grids
from t2i_audit.report.scalars import scalars_of
from t2i_audit.world.render import render
from t2i_audit.world.scenes import place
from tests.audit.small import results

SHORT: dict[str, Any] = {
    "suite": "world-smoke", "limit": 8, "steps": 4, "guidance_scale": 1.5, "judge": "oracle",
    "random_weights": 1,
}  # fmt: skip
STEPS, EVERY = 4, 2


@dataclass
class Trained:
    """A short training of the UNet of a built-in checkpoint."""

    losses: list[float]
    weights: dict[str, torch.Tensor]
    audits: dict[int, t2i.Run]


def train(folder: Path, *, audited: bool) -> Trained:
    """Fine-tune on images of the rendered world; every random choice from the global states."""
    random.seed(0), np.random.seed(0), torch.manual_seed(0)
    pipeline = t2i.load_model("builtin:misbinding", device="cpu").pipeline
    accelerator = Accelerator(cpu=True, log_with="tensorboard", project_dir=str(folder))
    accelerator.init_trackers("training")
    audits = t2i.AuditDuringTraining(
        folder / "audits", every=EVERY, trackers=accelerator, name="tuned", **SHORT
    )
    prompts = t2i.load_suite("world-smoke").prompts[:16]
    scenes = [place(content_of(each), np.random.default_rng(0)) for each in prompts]
    pixels = torch.from_numpy(render(scenes)).permute(0, 3, 1, 2) / 127.5 - 1
    tokens = pipeline.tokenizer(
        [each.text for each in prompts], padding="max_length", return_tensors="pt"
    ).input_ids
    with torch.no_grad():
        latents = pipeline.vae.encode(pixels).latent_dist.mean * pipeline.vae.config.scaling_factor
        states = pipeline.text_encoder(tokens).last_hidden_state
    noising = DDPMScheduler.from_config(pipeline.scheduler.config)
    pipeline.unet.train()
    unet, optimizer = accelerator.prepare(
        pipeline.unet, torch.optim.AdamW(pipeline.unet.parameters(), lr=1e-4)
    )
    losses, runs = [], {}
    for step in range(STEPS):
        rows = random.sample(range(len(prompts)), 4)
        noise = torch.randn(4, *latents.shape[1:])
        times = torch.from_numpy(np.random.randint(0, 1000, 4))
        noisy = noising.add_noise(latents[rows], noise, times)
        target = noising.get_velocity(latents[rows], noise, times)
        loss = functional.mse_loss(unet(noisy, times, states[rows]).sample, target)
        accelerator.backward(loss)
        run = audits.step(pipeline, step) if audited else None  # between gradients and their use
        if run is not None:
            runs[step] = run
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
    accelerator.end_training()
    AcceleratorState._reset_state(reset_partial_state=True)  # else it stays for other tests
    return Trained(losses, pipeline.unet.state_dict(), runs)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("training")


@pytest.fixture(scope="module")
def trained(folder: Path) -> Trained:
    """A training with audits; not to be changed."""
    return train(folder, audited=True)


@pytest.fixture(scope="module")
def events(trained: Trained, folder: Path) -> EventAccumulator:
    """What TensorBoard has of the training."""
    return EventAccumulator(str(folder / "training"), size_guidance={"images": 0}).Reload()


def test_a_training_goes_on_bit_for_bit_as_without_audits(trained: Trained, tmp_path: Path) -> None:
    alone = train(tmp_path, audited=False)

    assert trained.losses == alone.losses
    assert trained.weights.keys() == alone.weights.keys()
    for name, each in trained.weights.items():
        assert torch.equal(each, alone.weights[name]), name


def test_each_audit_is_a_run_of_its_own(trained: Trained, folder: Path) -> None:
    assert list(trained.audits) == [0, 2]
    run = t2i.load_run(folder / "audits" / "step-000002")
    assert (run.summary.model, run.summary.n_images) == ("tuned-step-000002", 8)
    hashes = [each.manifest.settings["weights_sha256"] for each in trained.audits.values()]
    assert len(set(hashes)) == 2


def test_tensorboard_gets_the_figures_of_each_audit(
    trained: Trained, events: EventAccumulator
) -> None:
    for step, run in trained.audits.items():
        for name, value in scalars_of(run.summary).items():
            got = {each.step: each.value for each in events.Scalars(name)}
            assert got[step] == pytest.approx(value), name


def test_the_names_of_the_figures_are_as_documented(trained: Trained) -> None:
    names = set(scalars_of(trained.audits[0].summary))
    ends = ("", "/lower", "/upper")
    assert names >= {
        "t2i_audit/images",
        *(f"t2i_audit/success{end}" for end in ends),
        *(f"t2i_audit/success/slot/relation{end}" for end in ends),
        *(f"t2i_audit/success/split/seen{end}" for end in ends),
        *(f"t2i_audit/success/type/relation{end}" for end in ends),
        *(f"t2i_audit/cause/encoder{end}" for end in ends),
    }
    # Of eight prompts no slot is decoded, and what is undefined is not sent.
    assert not any("decodability" in name for name in names)


def test_tensorboard_gets_pictures_of_failing_images(
    trained: Trained, events: EventAccumulator
) -> None:
    steps = [each.step for each in events.Images("t2i_audit/failing")]
    assert steps == list(trained.audits)


def test_a_picture_shows_the_images_and_their_captions(trained: Trained) -> None:
    run = trained.audits[0]
    failing = image_grids(run, 2)["failing"]
    four = image_grids(run, 4)["failing"]

    assert failing.dtype == np.uint8 and failing.shape[2] == 3
    assert four.shape[1] == 2 * failing.shape[1]
    for column in range(2):
        panel = failing[:, column * failing.shape[1] // 2 :][:, : failing.shape[1] // 2]
        image, caption = panel[: panel.shape[1]], panel[panel.shape[1] :]
        saturation = image.max(axis=2).astype(int) - image.min(axis=2)
        assert (saturation > 100).mean() > 0.02  # coloured shapes
        assert (caption < 100).any()  # dark letters


@pytest.fixture
def pipeline() -> Any:
    return t2i.load_model("builtin:sound", device="cpu").pipeline


def test_a_step_that_was_audited_is_not_audited_again(trained: Trained, folder: Path) -> None:
    """As where a training is resumed from before that step."""
    run = trained.audits[0]
    written = {path: path.stat().st_mtime_ns for path in run.path.rglob("*.p*")}
    pipeline = t2i.load_model("builtin:misbinding", device="cpu").pipeline
    audits = t2i.AuditDuringTraining(folder / "audits", every=EVERY, name="tuned", **SHORT)

    again = audits.step(pipeline, 0)

    assert again is not None and again.summary == run.summary
    assert len(written) > 8
    assert all(path.stat().st_mtime_ns == each for path, each in written.items())


def test_a_step_with_other_weights_than_were_audited_is_left_alone(
    trained: Trained, folder: Path
) -> None:
    before = results(trained.audits[2].path)
    pipeline = t2i.load_model("builtin:misbinding", device="cpu").pipeline
    audits = t2i.AuditDuringTraining(folder / "audits", every=EVERY, name="tuned", **SHORT)

    with pytest.warns(RuntimeWarning, match="unet/weights of the checkpoint has changed"):
        assert audits.step(pipeline, 2) is None
    assert results(trained.audits[2].path) == before


def test_a_folder_with_the_run_of_another_model_is_left_alone(
    trained: Trained, folder: Path, pipeline: Any
) -> None:
    before = results(trained.audits[0].path)
    audits = t2i.AuditDuringTraining(folder / "audits", every=EVERY, name="second", **SHORT)

    with pytest.warns(RuntimeWarning, match="'tuned-step-000000' there and 'second-step-000000'"):
        assert audits.step(pipeline, 0) is None
    assert results(trained.audits[0].path) == before


def test_an_audit_that_fails_is_a_warning(pipeline: Any, tmp_path: Path) -> None:
    audits = t2i.AuditDuringTraining(tmp_path, every=1, **SHORT)
    pipeline.text_encoder = None

    with pytest.warns(
        RuntimeWarning, match="at step 3 failed, and the training goes on: .*no text"
    ):
        assert audits.step(pipeline, 3) is None


def test_an_audit_that_fails_is_raised_if_asked_for(pipeline: Any, tmp_path: Path) -> None:
    audits = t2i.AuditDuringTraining(tmp_path, every=1, failing="raise", **SHORT)
    pipeline.text_encoder = None

    with pytest.raises(t2i.AuditError, match="no text encoder"):
        audits.step(pipeline, 3)


class Full:
    """A tracker whose disk is full."""

    name = "full"

    def log(self, values: Any, step: int) -> None:
        raise OSError("No space left on device")


def test_a_tracker_that_fails_costs_no_audit(pipeline: Any, tmp_path: Path) -> None:
    audits = t2i.AuditDuringTraining(tmp_path, every=1, trackers=[Full()], **SHORT)

    with pytest.warns(RuntimeWarning, match="to trackers failed.*No space left"):
        run = audits.step(pipeline, 3)
    assert run is not None and run.summary.n_images == 8


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"every": 0}, "`every` should be a whole number from 1, not 0"),
        ({"every": 0.5}, "`every` should be a whole number from 1, not 0.5"),
        ({"images": -1}, "`images` should be a whole number from 0, not -1"),
        ({"failing": "ignore"}, "`failing` should be 'warn' or 'raise'"),
        ({"shard": "1/2"}, "`shard` divides"),
        ({"suite": "no-such-suite"}, "no-such-suite"),
        ({"name": "runs/mine"}, "`name` should be a plain name"),
        ({"seeds": 0}, "--seeds should be at least 1"),
        ({"limit": "many"}, "limit"),
    ],
)
def test_a_mistake_is_known_before_the_training_begins(
    given: dict[str, Any], said: str, tmp_path: Path
) -> None:
    with pytest.raises(t2i.AuditError, match=said):
        t2i.AuditDuringTraining(tmp_path, **{"every": 1, **given})
    assert not list(tmp_path.iterdir())


def test_an_unknown_setting_is_a_type_error(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="did you mean 'limit'"):
        t2i.AuditDuringTraining(tmp_path, every=1, limits=8)


PROGRAM = """
import os, sys, t2i_audit as t2i
pipeline = t2i.load_model("builtin:sound", device="cpu").pipeline

def audited(out):
    audits = t2i.AuditDuringTraining(out, every=1, name="mine", failing="raise", limit=4, steps=2,
        guidance_scale=1.5, judge="oracle", batch_size=1, random_weights=1)
    return audits.step(pipeline, 0)

run = audited(sys.argv[1])
print("finished" if run else "left", flush=True)
if run:  # and now as if there were no other process
    del os.environ["RANK"], os.environ["WORLD_SIZE"]
    audited(sys.argv[2])
"""


@pytest.mark.slow
def test_the_processes_of_a_training_divide_the_images(tmp_path: Path) -> None:
    program, two, one = (tmp_path / each for each in ("program.py", "two", "one"))
    program.write_text(PROGRAM)
    launcher = ("-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2")
    done = subprocess.run(
        [sys.executable, *launcher, str(program), str(two), str(one)],
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": os.getcwd()},
        capture_output=True,
        text=True,
        timeout=300,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert sorted(done.stdout.split()) == ["finished", "left"]
    assert (two / "step-000000" / ".lock-00001").exists()  # the second process was in it
    assert results(two / "step-000000") == results(one / "step-000000")
