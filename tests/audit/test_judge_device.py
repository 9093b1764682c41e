"""Judges on a device of their own."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from t2i_audit.audit import plan_audit
from t2i_audit.cli.main import main
from t2i_audit.models import devices
from t2i_audit.settings import AuditSettings
from tests.audit.small import arguments, results, write_small_suite

FAST = ("--no-denoiser-station", "--random-weights", "1", "--judge", "oracle,clip")


@pytest.mark.parametrize("device", ["meta", "gpu", "cuda:99", "cpu:1", "cuda:x", "-1"])
def test_a_device_that_is_not_there_is_refused_before_anything_is_loaded(
    device: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = arguments(tmp_path / "no-suite.jsonl", tmp_path / "run", f"--judge-device={device}")

    assert main(words) == 2

    (sentence,) = capsys.readouterr().err.splitlines()
    assert f"--judge-device names {device!r}, which this machine does not have" in sentence
    assert "cpu" in sentence and not (tmp_path / "run").exists()


def test_results_are_the_same_with_the_judges_device_named(tmp_path: Path) -> None:
    suite = write_small_suite(tmp_path)
    assert main(arguments(suite, tmp_path / "plain", *FAST)) == 0

    assert main(arguments(suite, tmp_path / "named", *FAST, "--judge-device", "cpu")) == 0

    assert results(tmp_path / "named") == results(tmp_path / "plain")
    # And a run that was begun without the option goes on with it.
    assert main(arguments(suite, tmp_path / "plain", *FAST, "--judge-device", "cpu")) == 0


def test_another_kind_of_device_is_part_of_what_the_results_depend_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As on a machine with a second kind; the oracle has no weights that would have to lie there.
    monkeypatch.setattr(devices, "choose_judge_device", lambda name: torch.device("xpu", 1))
    settings = AuditSettings(
        model="builtin:sound", suite=str(write_small_suite(tmp_path)), out=tmp_path / "run",
        device="cpu", judge="oracle", judge_device="xpu:1", seeds=1, steps=2,
        denoiser_station=False,
    )  # fmt: skip

    plan = plan_audit(settings)

    assert plan.identity["judge_device"] == "xpu"
    assert (plan.identity["device"], plan.judging.device) == ("cpu", "xpu:1")


def test_an_actor_sees_no_other_device_than_its_own(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = arguments(tmp_path, tmp_path / "run", "--engine", "ray", "--judge-device", "cuda:1")

    assert main(words) == 2

    assert "--judge-device with an --engine should be cpu or cuda" in capsys.readouterr().err
