"""Jobs of the scaling study from end to end, small ones."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path

import pytest
import torch

from scripts.scaling.data import seen_suite
from scripts.scaling.measuring import Effort, has_run, measured
from scripts.scaling.recipes import LARGE, TINY, Generator, Training
from scripts.scaling.rows import Row, read_row, row_path, write_row
from scripts.scaling.support import RING
from scripts.scaling.training import trained
from scripts.training.cards import load_shipped
from t2i_audit.io import dump_json
from t2i_audit.models.builtin import builtin_folder

TRAINING = Training("small", RING, 40, seed=1, widths=TINY, steps=(2, 4))
EARLY, LATE = (Generator(TRAINING, step) for step in TRAINING.steps)
DRAWING = tuple(
    Generator(replace(TRAINING, name="drawing", widths=LARGE), step) for step in TRAINING.steps
)
# So few prompts that probes are soon done, as most slots are not defined in them.
EFFORT = Effort(steps=3, draws=1, prompts=60)


def weights(generator: Generator, work: Path) -> dict[str, torch.Tensor]:
    parts, _ = trained(generator, work=work, device="cpu")
    return dict(parts.unet.state_dict())


def test_a_training_that_goes_on_from_its_earlier_generator_ends_as_one_that_was_not_stopped(
    tmp_path: Path,
) -> None:
    straight = weights(LATE, tmp_path / "straight")
    early = weights(EARLY, tmp_path / "halted")

    late = weights(LATE, tmp_path / "halted")

    for name, value in straight.items():
        torch.testing.assert_close(late[name], value, rtol=0, atol=0)
    assert any(not torch.equal(early[name], late[name]) for name in late)
    again = weights(EARLY, tmp_path / "halted")
    assert all(torch.equal(again[name], early[name]) for name in early)


def test_generators_of_one_training_share_their_pictures_which_are_made_once(
    tmp_path: Path,
) -> None:
    _, first = trained(EARLY, work=tmp_path, device="cpu")
    made = (tmp_path / "small-data.pt").stat().st_mtime_ns
    _, second = trained(LATE, work=tmp_path, device="cpu")

    assert (tmp_path / "small-data.pt").stat().st_mtime_ns == made
    assert torch.equal(first.latents, second.latents)
    assert first.latents.shape == (40, 4, 8, 8)


def able_to_draw(work: Path) -> None:
    """Leave a state of the training `DRAWING` after its first steps, with the weights of ``sound``:
    an audit refuses a checkpoint that draws nothing which the oracle can read."""
    early = DRAWING[0]
    trained(early, work=work, device="cpu")
    path = work / f"{early.name}.pt"
    state = torch.load(path, weights_only=True)
    unet = load_shipped(builtin_folder("sound")).unet
    state |= {"modules": [unet.state_dict()], "average": [p.detach() for p in unet.parameters()]}
    torch.save(state, path)


@pytest.mark.slow
def test_a_job_leaves_a_row_and_a_stopped_one_the_same_row(tmp_path: Path) -> None:
    able_to_draw(tmp_path / "whole")
    whole = _row(tmp_path / "whole")
    # Stopped between its training and its measurement.
    able_to_draw(tmp_path / "stopped")
    weights(DRAWING[1], tmp_path / "stopped")

    stopped = _row(tmp_path / "stopped")

    assert dump_json(stopped) == dump_json(whole)
    write_row(whole, row_path(DRAWING[1], tmp_path))
    assert dump_json(read_row(row_path(DRAWING[1], tmp_path))) == dump_json(whole)
    assert whole.trained.parameters > 0
    assert whole.held_out.overall.n == 60
    assert whole.seen.overall.n == len(seen_suite(DRAWING[1].training).prompts)
    assert set(whole.stations) == {"text_encoder", "denoiser"}
    assert len(json.dumps(asdict(whole))) < 50_000


def _row(work: Path) -> Row:
    late = DRAWING[1]
    row = measured(late, work=work, device="cpu", effort=EFFORT)
    assert has_run(late, work=work)
    return row
