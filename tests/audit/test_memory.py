"""Audits whose memory runs short."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from t2i_audit.cli.main import main
from t2i_audit.run.tables import read_rows, table_path
from tests.audit.damage import unfinish
from tests.audit.small import arguments, results


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


@pytest.mark.parametrize(
    "crowded",
    ["UNet2DConditionModel", pytest.param("CLIPTextModel", marks=pytest.mark.slow)],
    indirect=True,
)
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
        if type(module).__name__ == "ModifiedResNet":
            given.append(len(args[0]))
            if given[-1] > 1:
                raise torch.OutOfMemoryError("out of memory")

    options = ("--limit", "4", "--seeds", "1", "--judge", "clip", "--no-denoiser-station")
    foiled = Path("world-smoke")
    assert main(arguments(foiled, tmp_path / "one", *options)) == 0
    handle = register_module_forward_pre_hook(fail)
    assert main(arguments(foiled, tmp_path / "other", *options)) == 0
    handle.remove()

    # The first is the trial before any image is made; the second batch is not tried as a whole.
    # The rest are the blind baselines: shuffled, blank, and the images' mean.
    assert given == [1, 2, *4 * [1], *3 * 4 * [1]]
    one, other = (
        [dict(row) for row in read_rows(table_path(tmp_path / name, "judgements"), "judgements")]
        for name in ("one", "other")
    )
    for verdict, same in zip(one, other, strict=True):
        for figure in ("margin", "probability"):
            assert verdict.pop(figure) == pytest.approx(same.pop(figure), abs=1e-5)
        assert repr(verdict) == repr(same)  # NaN is not equal to itself


def test_offloading_without_an_accelerator_is_one_sentence(
    suite: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments(suite, tmp_path / "run", "--offload", "model")) == 2
    assert "here the device is the CPU" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_savers_of_memory_run(suite: Path, tmp_path: Path) -> None:
    savers = ("--attention-slicing", "--vae-tiling", "--no-denoiser-station")

    assert main(arguments(suite, tmp_path / "run", *savers)) == 0
