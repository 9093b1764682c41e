"""The control with random weights: several draws, read where and when the checkpoint is read."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from prompts.suite import load_suite
from t2i_audit.activations.denoiser import DenoiserRecorder, default_steps
from t2i_audit.activations.random_weights import draw_seeds, random_denoiser
from t2i_audit.cli.main import main
from t2i_audit.generation import cut_batches
from t2i_audit.generation.sampling import Sampling, sampler_of
from t2i_audit.models import load_model
from t2i_audit.run.directory import open_run
from t2i_audit.run.features import FeaturePart, write_part
from t2i_audit.run.tables import read_rows, table_path
from t2i_audit.stages.files import random_denoiser_folder
from t2i_audit.stages.random_denoiser import random_denoiser_features

PROMPTS = load_suite("world-smoke").limited(4).prompts
SAMPLING = Sampling(steps=6, guidance_scale=1.5, seeds=1, batch_size=2, record_denoiser=True)


def test_more_draws_begin_with_those_of_fewer_and_neighbouring_seeds_share_none() -> None:
    assert draw_seeds(7, 5)[:3] == draw_seeds(7, 3)
    every = [seed for base in range(20) for seed in draw_seeds(base, 5)]
    assert len(set(every)) == 100


@pytest.fixture(scope="module")
def audited(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An audit of three steps, of which the first and the second are recorded."""
    out = tmp_path_factory.mktemp("runs") / "run"
    options = "--suite world-smoke --limit 24 --seeds 1 --steps 3 --random-weights 2 --device cpu"
    assert main(["audit", "builtin:sound", *options.split(), "--out", str(out)]) == 0
    return out


@pytest.mark.slow
def test_the_control_is_read_at_every_step_at_which_the_checkpoint_is(audited: Path) -> None:
    rows: list[dict[str, Any]] = read_rows(table_path(audited, "probes"), "probes")
    steps = {row["layer"].partition("@")[2] for row in rows if row["station"] == "denoiser"}

    assert steps == {"step_0", "step_1"}
    read = [row for row in rows if np.isfinite(row["balanced_accuracy"])]
    assert read and all(np.isfinite(row["random_weights_balanced_accuracy"]) for row in read)


def test_each_draw_has_a_folder_of_its_own_and_other_weights(audited: Path) -> None:
    folders = sorted(path.name for path in (audited / "activations").iterdir())

    assert folders == [
        "denoiser", "random_denoiser_1", "random_denoiser_2", "random_weights_1",
        "random_weights_2", "text_encoder",
    ]  # fmt: skip
    for name in ("random_denoiser", "random_weights"):
        one, other = (
            np.load(audited / "activations" / f"{name}_{number}" / "0000.npy") for number in (1, 2)
        )
        assert one.shape == other.shape and not np.allclose(one, other, equal_nan=True)
    assert not list(audited.glob("activations/random_denoiser_*/*.npz"))


def test_another_number_of_draws_is_another_run(
    audited: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = json.loads((audited / "manifest.json").read_text())["settings"]
    assert settings["random_weights"] == 2
    options = "--suite world-smoke --limit 24 --seeds 1 --steps 3 --random-weights 1 --device cpu"

    assert main(["audit", "builtin:sound", *options.split(), "--out", str(audited)]) == 2

    assert "random_weights is 2 there and 1 here" in capsys.readouterr().err


def test_a_recorder_that_stops_ends_the_call_and_records_the_same() -> None:
    loaded = load_model("builtin:sound", device="cpu")
    batch = cut_batches(PROMPTS, seeds=1, batch_size=4)[0]
    calls: list[int] = []
    loaded.pipeline.unet.register_forward_hook(lambda *_: calls.append(1))
    parts = []
    for stops in (True, False):
        recorder = DenoiserRecorder(loaded.pipeline, steps=(0, 2), stops=stops)
        sampled, part = sampler_of(loaded, SAMPLING, recorder, steps=6)(batch)
        parts.append(part)
        if stops:
            assert sampled.images.shape == (4, 0, 0, 3)
            assert len(calls) == 3  # steps 0, 1 and 2, of 6
    stopped, whole = parts

    assert stopped is not None and whole is not None
    # The VAE decodes only images that are made to the end.
    recorded = {key: values for key, values in whole.arrays.items() if key[0] != "vae"}
    assert stopped.arrays.keys() == recorded.keys()
    for key, values in recorded.items():
        np.testing.assert_array_equal(stopped.arrays[key], values)


def test_networks_leave_the_device_where_a_recorder_ends_the_call() -> None:
    loaded = load_model("builtin:sound", device="cpu")
    loaded.pipeline.enable_model_cpu_offload(device="cpu")
    before = list(loaded.pipeline._all_hooks)
    recorder = DenoiserRecorder(loaded.pipeline, steps=(0,), stops=True)
    batch = cut_batches(PROMPTS[:2], seeds=1, batch_size=2)[0]

    sampler_of(loaded, SAMPLING, recorder, steps=6)(batch)

    # At the end of a call diffusers takes all networks off the device, and hooks them anew.
    hooks = loaded.pipeline._all_hooks
    assert hooks and not any(one is other for one, other in zip(hooks, before, strict=True))


def draws(out: Path) -> list[list[np.ndarray]]:
    loaded = load_model("builtin:sound", device="cpu")
    with open_run(out, {}) as run:
        features = random_denoiser_features(run, loaded, PROMPTS, SAMPLING, seed=0, draws=2)
    return [[np.array(each.values) for each in draw] for draw in features]


def first_part_of_the_second_draw() -> FeaturePart:
    loaded = load_model("builtin:sound", device="cpu")
    batch = cut_batches(PROMPTS, seeds=1, batch_size=2)[0]
    with random_denoiser(loaded, seed=draw_seeds(0, 2)[1]) as untrained:
        recorder = DenoiserRecorder(untrained.pipeline, steps=default_steps(6), stops=True)
        _, part = sampler_of(untrained, SAMPLING, recorder, steps=6)(batch)
    assert part is not None
    return part


def same(one: list[list[np.ndarray]], other: list[list[np.ndarray]]) -> bool:
    return all(
        np.array_equal(mine, theirs, equal_nan=True)
        for first, second in zip(one, other, strict=True)
        for mine, theirs in zip(first, second, strict=True)
    )


def test_batches_and_draws_that_an_earlier_process_left_are_not_made_again(tmp_path: Path) -> None:
    out = tmp_path / "run"
    whole = draws(out)
    first, second = (random_denoiser_folder(out, number) for number in (0, 1))
    made = (first / "0000.npy").stat().st_mtime_ns
    # Of the second draw only the first batch is there, with values by which it is told.
    shutil.rmtree(second)
    part = first_part_of_the_second_draw()
    changed = {key: values + 1 for key, values in part.arrays.items()}
    second.mkdir()
    write_part(second / "batch_00000.npz", FeaturePart(part.prompt_ids, changed))

    resumed = draws(out)

    assert (first / "0000.npy").stat().st_mtime_ns == made
    assert same(resumed[:1], whole[:1])
    for mine, theirs in zip(resumed[1], whole[1], strict=True):
        np.testing.assert_allclose(mine[:2], theirs[:2] + 1, atol=1e-2)
        np.testing.assert_array_equal(mine[2:], theirs[2:])


def test_a_damaged_part_or_draw_is_made_again(tmp_path: Path) -> None:
    whole = draws(tmp_path / "whole")
    out = tmp_path / "damaged"
    draws(out)
    (random_denoiser_folder(out, 0) / "0000.npy").unlink()
    second = random_denoiser_folder(out, 1)
    (second / "index.json").unlink()
    (second / "batch_00001.npz").write_bytes(b"PK\x03\x04 and no more")

    assert same(draws(out), whole)
