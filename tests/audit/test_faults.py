"""Audits that are killed, starved of disk and memory, damaged and divided; the results stay."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from prompts.suite import dump_prompts
from prompts.world import Content, write
from t2i_audit.cli.main import main
from t2i_audit.run.tables import read_rows, table_path

PARTS = [(colour, shape) for colour in ("red", "blue") for shape in ("circle", "star")]
OPTIONS = ["--judge", "oracle", "--device", "cpu", "--seeds", "2", "--steps", "2"]
BATCH = ("--batch-size", "2")  # so 4 batches


@pytest.fixture(scope="module")
def suite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("suite") / "suite.jsonl"
    path.write_text(dump_prompts(tuple(write(Content((part,))) for part in PARTS)))
    return path


def arguments(suite: Path, out: Path, *more: str) -> list[str]:
    return [
        "audit",
        "builtin:sound",
        *OPTIONS,
        *BATCH,
        "--suite",
        str(suite),
        "--out",
        str(out),
        *more,
    ]


@pytest.fixture(scope="module")
def whole(suite: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that went through undisturbed; not to be changed."""
    out = tmp_path_factory.mktemp("runs") / "whole"
    assert main(arguments(suite, out)) == 0
    return out


@pytest.fixture
def copied(whole: Path, tmp_path: Path) -> Path:
    return shutil.copytree(whole, tmp_path / "run")


def results(out: Path) -> dict[str, bytes]:
    files = [*out.glob("*.parquet"), out / "summary.json", *(out / "images").glob("*.png")]
    return {str(file.relative_to(out)): file.read_bytes() for file in sorted(files)}


def unfinish(out: Path) -> None:
    """Set a finished run back to where its images are made and nothing more."""
    manifest = json.loads((out / "manifest.json").read_text())
    for name, stage in manifest["stages"].items():
        if name not in ("encode", "probe text_encoder", "images"):
            stage["state"] = "pending"
    manifest["files"] = {}
    (out / "manifest.json").write_text(json.dumps(manifest))
    for file in [*out.glob("*.parquet"), out / "summary.json"]:
        file.unlink()


def cut_short(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def flip_a_bit(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 3] ^= 4
    path.write_bytes(bytes(content))


def test_an_audit_broken_at_any_stage_ends_the_same(tmp_path: Path) -> None:
    # Seven stages, each killed once and once out of disk.
    harness = [sys.executable, "-m", "scripts.faults", "--points", "14", "--seed", "3"]

    done = subprocess.run(harness, capture_output=True, text=True, timeout=900)

    assert done.returncode == 0, done.stdout + done.stderr
    broke = re.search(r"14 points \(seed 3\): (\d+) broke the audit", done.stdout)
    assert broke is not None and int(broke[1]) >= 7  # the last stages may end too soon


def edit_a_flaw(path: Path) -> None:
    path.write_text(path.read_text().replace('"flaw": ""', '"flaw": "not finite"', 1))


@pytest.mark.parametrize(
    ("file", "damage"),
    [
        ("images/batch_00001.json", edit_a_flaw),
        ("images/000001_000.png", cut_short),
        ("images/000001_000.png", Path.unlink),
        ("images/batch_00001.json", cut_short),
        ("activations/denoiser/batch_00000.npz", flip_a_bit),
    ],
    ids=["record edited", "image cut short", "image gone", "record cut short", "activation bit"],
)
def test_a_damaged_file_of_an_unfinished_run_is_told_and_made_again(
    file: str, damage: Callable[[Path], None], whole: Path, copied: Path, suite: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    unfinish(copied)
    damage(copied / file)

    assert main(arguments(suite, copied)) == 0

    said = capsys.readouterr().err
    assert re.search(rf"{re.escape(file)} is (damaged|missing); the 2 images .* made again", said)
    assert results(copied) == results(whole)


def test_damaged_settings_of_an_unfinished_run_are_told_and_written_again(
    whole: Path, copied: Path, suite: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    unfinish(copied)
    cut_short(copied / "settings.json")

    assert main(arguments(suite, copied)) == 0

    assert "settings.json is damaged; it is written again" in capsys.readouterr().err
    assert (copied / "settings.json").read_bytes() == (whole / "settings.json").read_bytes()


@pytest.mark.parametrize("name", ["probes.parquet", "judgements.parquet", "summary.json"])
def test_a_damaged_result_of_a_finished_run_is_told_and_made_again(
    name: str, whole: Path, copied: Path, suite: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flip_a_bit(copied / name)

    assert main(arguments(suite, copied)) == 0

    assert f"{name} is missing or damaged" in capsys.readouterr().err
    assert results(copied) == results(whole)


def test_a_damaged_judgement_shard_is_told_and_judged_again(
    whole: Path, copied: Path, suite: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    unfinish(copied)
    (copied / "judgements").mkdir()
    shard = copied / "judgements" / "batch_00002.parquet"
    shutil.copy(whole / "judgements.parquet", shard)
    flip_a_bit(shard)

    assert main(arguments(suite, copied)) == 0

    assert (
        "batch_00002.parquet is damaged; its 2 images are judged again" in capsys.readouterr().err
    )
    assert results(copied) == results(whole)


def on_one_thread(*command: str) -> subprocess.CompletedProcess[str]:
    """What a Python `command` does with the threads that torchrun gives each process.

    A matrix product on CPUs rounds by the number of threads, so both sides need the same.
    """
    return subprocess.run(
        [sys.executable, *command],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=600,
    )


@pytest.fixture(scope="module")
def whole_on_one_thread(suite: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("runs") / "on-one-thread"
    done = on_one_thread("-m", "t2i_audit", *arguments(suite, out))
    assert done.returncode == 0, done.stdout + done.stderr
    return out


@pytest.mark.parametrize("count", [2, 3])
def test_several_processes_make_the_run_of_one(
    count: int, whole_on_one_thread: Path, suite: Path, tmp_path: Path
) -> None:
    # As the README starts them on CPUs.
    launcher = ("-m", "torch.distributed.run", "--standalone", "--nproc_per_node", str(count))
    done = on_one_thread(*launcher, "-m", "t2i_audit", *arguments(suite, tmp_path / "run"))

    assert done.returncode == 0, done.stdout + done.stderr
    # One of them speaks for all.
    assert done.stdout.count("Run directory: ") == done.stderr.count("judge: ") == 1
    assert results(tmp_path / "run") == results(whole_on_one_thread)


def test_what_a_dead_process_left_is_made_by_the_first(
    whole: Path, suite: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RANK", "0")
    monkeypatch.setenv("WORLD_SIZE", "2")  # and no process of rank 1 is alive

    assert main(arguments(suite, tmp_path / "run")) == 0

    assert results(tmp_path / "run") == results(whole)


def test_shards_in_folders_of_their_own_are_joined(
    whole: Path, suite: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    runs = [tmp_path / "first", tmp_path / "second"]
    for number, run in enumerate(runs, start=1):
        assert main(arguments(suite, run, "--shard", f"{number}/2")) == 0
        assert len(list((run / "images").glob("batch_*.json"))) == 2

    assert main(["merge", *map(str, runs), "--out", str(tmp_path / "joined")]) == 0

    assert results(tmp_path / "joined") == results(whole)
    assert "images: 8/8" in capsys.readouterr().err


def test_shards_in_one_folder_are_joined_where_they_are(
    whole: Path, suite: Path, tmp_path: Path
) -> None:
    for shard in ("2/2", "1/2"):
        assert main(arguments(suite, tmp_path / "run", "--shard", shard)) == 0

    assert main(["merge", str(tmp_path / "run")]) == 0

    assert results(tmp_path / "run") == results(whole)


@pytest.mark.parametrize("shard", ["0/2", "3/2", "1", "a/b"])
def test_a_shard_that_is_none_is_one_sentence(
    shard: str, suite: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments(suite, tmp_path / "run", "--shard", shard)) == 2
    assert "--shard should be I/N" in capsys.readouterr().err


@pytest.fixture
def small_memory() -> Iterator[list[int]]:
    """A denoiser whose memory runs short beyond 3 images; yields the sizes it was given."""
    from diffusers import UNet2DConditionModel
    from torch.nn.modules.module import register_module_forward_pre_hook

    given: list[int] = []

    def fail(module: torch.nn.Module, args: tuple[torch.Tensor, ...]) -> None:
        if isinstance(module, UNet2DConditionModel):
            given.append(len(args[0]))
            if len(args[0]) > 6:  # guidance doubles a batch
                raise torch.OutOfMemoryError("out of memory")

    handle = register_module_forward_pre_hook(fail)
    yield given
    handle.remove()


def test_a_batch_that_fits_is_found_and_kept(
    small_memory: list[int], suite: Path, tmp_path: Path
) -> None:
    out = tmp_path / "run"

    assert main(arguments(suite, out, "--batch-size", "auto")) == 0
    first = max(small_memory)
    small_memory.clear()
    shutil.rmtree(out / "images")
    unfinish(out)
    assert main(arguments(suite, out, "--batch-size", "auto")) == 0

    assert json.loads((out / "manifest.json").read_text())["settings"]["batch_size"] == 2
    assert first == 16 and max(small_memory) == 4  # the second time nothing had to be tried


def test_a_fixed_batch_that_does_not_fit_is_one_sentence(
    small_memory: list[int], suite: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments(suite, tmp_path / "run", "--batch-size", "8")) == 2

    said = capsys.readouterr().err
    assert "memory runs short with 8 in a batch; give --batch-size 4 or auto" in said
    assert "Traceback" not in said


@pytest.fixture
def crowded(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[list[bool]]:
    """A network with memory only once the others leave the device, whose place the CPU takes here.

    Yields for each time that it ran whether they had left.
    """
    from accelerate.hooks import CpuOffload
    from torch.nn.modules.module import register_module_forward_pre_hook

    from t2i_audit.models import offload

    gone: list[bool] = []

    def fail(module: torch.nn.Module, args: object) -> None:
        if type(module).__name__ == request.param:
            gone.append(isinstance(getattr(module, "_hf_hook", None), CpuOffload))
            if not gone[-1]:
                raise torch.OutOfMemoryError("out of memory")

    monkeypatch.setattr(offload, "has_own_memory", lambda device: True)
    handle = register_module_forward_pre_hook(fail)
    yield gone
    handle.remove()


@pytest.mark.parametrize("crowded", ["UNet2DConditionModel", "CLIPTextModel"], indirect=True)
def test_idle_networks_leave_the_device_where_nothing_fits_otherwise(
    crowded: list[bool], whole: Path, suite: Path, tmp_path: Path
) -> None:
    out = tmp_path / "run"

    assert main(arguments(suite, out)) == 0
    assert crowded[0] is False and results(out) == results(whole)
    crowded.clear()
    shutil.rmtree(out / "images")
    unfinish(out)
    assert main(arguments(suite, out)) == 0

    assert all(crowded) and results(out) == results(whole)  # remembered


@pytest.mark.parametrize("crowded", ["UNet2DConditionModel"], indirect=True)
def test_smaller_batches_are_tried_before_networks_leave_the_device(
    crowded: list[bool], suite: Path, tmp_path: Path
) -> None:
    out = tmp_path / "run"

    assert main(arguments(suite, out, "--batch-size", "auto")) == 0
    assert crowded[:4] == [False, False, True, True]  # the dry call's 2 and 1, 2 again, then all 8
    assert json.loads((out / "manifest.json").read_text())["settings"]["batch_size"] == 8


@pytest.mark.parametrize("crowded", ["UNet2DConditionModel"], indirect=True)
def test_networks_stay_on_the_device_if_the_user_says_so(
    crowded: list[bool], suite: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments(suite, tmp_path / "run", "--offload", "none")) == 2
    assert "memory runs short with 2 in a batch" in capsys.readouterr().err
    assert crowded == [False]


@pytest.mark.parametrize("crowded", ["UNet2DConditionModel"], indirect=True)
def test_networks_that_do_not_fit_together_are_loaded_all_the_same(
    crowded: list[bool],
    whole: Path,
    suite: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from diffusers import DiffusionPipeline

    to = DiffusionPipeline.to

    def move(pipeline: DiffusionPipeline, *args: object, **kwargs: object) -> DiffusionPipeline:
        if isinstance(args[0], torch.device):  # diffusers itself names the host "cpu"
            raise torch.OutOfMemoryError("out of memory")
        return to(pipeline, *args, **kwargs)

    monkeypatch.setattr(DiffusionPipeline, "to", move)

    assert main(arguments(suite, tmp_path / "run")) == 0
    assert all(crowded) and results(tmp_path / "run") == results(whole)


def test_a_judge_without_memory_for_a_batch_takes_its_halves(tmp_path: Path) -> None:
    from torch.nn.modules.module import register_module_forward_pre_hook

    given: list[int] = []

    def fail(module: torch.nn.Module, args: tuple[torch.Tensor, ...]) -> None:
        if type(module).__name__ == "VisionTransformer":
            given.append(len(args[0]))
            if given[-1] > 1:
                raise torch.OutOfMemoryError("out of memory")

    options = ("--limit", "4", "--seeds", "1", "--judge", "clip", "--no-denoiser-station")
    foiled = Path("world-smoke")
    assert main(arguments(foiled, tmp_path / "one", *options)) == 0
    handle = register_module_forward_pre_hook(fail)
    assert main(arguments(foiled, tmp_path / "other", *options)) == 0
    handle.remove()

    assert given == [1, *[2, 1, 1] * 2]  # the first is the trial before any image is made
    one, other = (
        [dict(row) for row in read_rows(table_path(tmp_path / name, "judgements"), "judgements")]
        for name in ("one", "other")
    )
    for verdict, same in zip(one, other, strict=True):
        assert verdict.pop("margin") == pytest.approx(same.pop("margin"), abs=1e-5)
        assert verdict == same


def test_offloading_without_an_accelerator_is_one_sentence(
    suite: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments(suite, tmp_path / "run", "--offload", "model")) == 2
    assert "here the device is the CPU" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_savers_of_memory_run(suite: Path, tmp_path: Path) -> None:
    savers = ("--attention-slicing", "--vae-tiling", "--no-denoiser-station")

    assert main(arguments(suite, tmp_path / "run", *savers)) == 0


def test_clock_and_language_do_not_matter(whole: Path, suite: Path, tmp_path: Path) -> None:
    place = {"LC_ALL": "C", "PYTHONUTF8": "0", "TZ": "Pacific/Kiritimati", "PYTHONHASHSEED": "7"}
    done = subprocess.run(
        [sys.executable, "-m", "t2i_audit", *arguments(suite, tmp_path / "run")],
        env={**os.environ, **place}, capture_output=True, text=True, timeout=600,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    assert results(tmp_path / "run") == results(whole)


def test_a_model_that_is_gone_is_one_sentence_and_the_run_goes_on_when_it_is_back(
    suite: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from t2i_audit.models.builtin import builtin_folder

    model, out = tmp_path / "model", tmp_path / "run"
    shutil.copytree(builtin_folder("builtin:sound"), model)
    command = [str(model) if word == "builtin:sound" else word for word in arguments(suite, out)]
    assert main([*command, "--shard", "1/2"]) == 0
    model.rename(tmp_path / "elsewhere")
    capsys.readouterr()

    assert main(command) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and str(model) in said

    (tmp_path / "elsewhere").rename(model)
    assert main(command) == 0


def test_images_that_are_not_finite_are_counted_and_left_out(
    suite: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from diffusers import UNet2DConditionModel
    from torch.nn.modules.module import register_module_forward_hook

    def spoil(module: torch.nn.Module, _: object, output: object) -> object:
        if isinstance(module, UNet2DConditionModel):
            sample = output[0]  # type: ignore[index]
            sample[-1] = float("nan")  # the last image of every batch
        return output

    handle = register_module_forward_hook(spoil)  # type: ignore[arg-type]
    try:
        assert main(arguments(suite, tmp_path / "run", "--no-denoiser-station")) == 0
    finally:
        handle.remove()

    rows = read_rows(table_path(tmp_path / "run", "judgements"), "judgements")
    summary = json.loads((tmp_path / "run" / "summary.json").read_text())
    assert [row["flaw"] for row in rows] == [None, "not finite"] * 4
    assert summary["n_excluded"] == 4
    assert np.isfinite(summary["success"]["overall"]["estimate"])
    assert summary["success"]["overall"]["n"] == 4
    assert re.search(r"\b4\b.*(left out|excluded)", capsys.readouterr().out)
