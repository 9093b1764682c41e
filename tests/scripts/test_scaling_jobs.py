"""Jobs of the scaling study from end to end, small ones."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path

import pytest
import torch

from scripts.scaling.measuring import Effort, has_run, measured, use_of
from scripts.scaling.recipes import TINY, Generator, Training
from scripts.scaling.rows import Row, read_row, row_path, write_row
from scripts.scaling.support import RING
from scripts.scaling.training import trained
from t2i_audit.io import dump_json

TRAINING = Training("small", RING, 40, seed=1, widths=TINY, steps=(2, 4))
EARLY, LATE = (Generator(TRAINING, step) for step in TRAINING.steps)
EFFORT = Effort(steps=2, draws=1, use_prompts=30)


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


@pytest.mark.slow
def test_a_job_leaves_a_row_and_a_stopped_one_the_same_row(tmp_path: Path) -> None:
    whole = _row(tmp_path / "whole")
    # Stopped after the training of its earlier generator, and then before its run was finished.
    weights(EARLY, tmp_path / "stopped")
    measured(LATE, work=tmp_path / "stopped", device="cpu", effort=EFFORT)
    (tmp_path / "stopped" / LATE.name / "run" / "summary.json").unlink()

    stopped = _row(tmp_path / "stopped")

    assert dump_json(stopped) == dump_json(whole)
    write_row(whole, row_path(LATE, tmp_path))
    assert dump_json(read_row(row_path(LATE, tmp_path))) == dump_json(whole)
    assert whole.trained.parameters > 0
    assert whole.held_out.overall.n == 120
    assert whole.seen.overall.n == 100
    assert set(whole.stations) == {"text_encoder", "denoiser"}
    blocks = {"down_blocks.0", "down_blocks.1", "mid_block", "up_blocks.0", "up_blocks.1"}
    assert blocks <= {place.split(" ")[0] for place in whole.places}
    assert set(whole.use) == set(whole.held_out.by_slot)
    assert len(json.dumps(asdict(whole))) < 50_000


def _row(work: Path) -> Row:
    row = measured(LATE, work=work, device="cpu", effort=EFFORT)
    assert has_run(LATE, work=work)
    return replace(row, use=use_of(LATE, work=work, device="cpu", effort=EFFORT))
