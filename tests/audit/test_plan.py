"""An audit is planned before it is executed, and its base seed decides all that is random."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from t2i_audit.audit import AuditPlan, execute, plan_audit
from t2i_audit.cli.main import main
from t2i_audit.errors import AuditError, RunDirectoryError
from t2i_audit.probing import execute_probe, plan_probe
from t2i_audit.reporter import CollectingReporter
from t2i_audit.run.command import read_settings
from t2i_audit.run.tables import read_rows, table_path
from t2i_audit.settings import AuditSettings, ProbeSettings
from t2i_audit.stages.text import state_bytes

# What version 0.1.0 wrote before there was a base seed.
EARLIER_SETTINGS = """{
  "model": "builtin:patchy", "suite": "world-relations", "seeds": 1, "judge": "oracle",
  "batch_size": 32, "steps": null, "guidance_scale": null, "dtype": "auto", "device": "auto",
  "limit": 80, "denoiser_station": true,
  "placement": {"offload": "auto", "attention_slicing": false, "vae_tiling": false,
                "device_map": null},
  "shard": null,
  "model_options": {"revision": null, "variant": null, "local_files_only": false, "config": null,
                    "lora": [], "embedding": [], "scheduler": null, "trust_remote_code": null},
  "image_options": {"height": null, "width": null, "negative_prompt": null},
  "strict": false
}"""


def small(out: Path, **changes: Any) -> AuditSettings:
    values = {
        "model": "builtin:sound",
        "suite": "world-smoke",
        "judge": "oracle",
        "device": "cpu",
        "limit": 20,
        "seeds": 1,
        "steps": 2,
        "random_weights": 1,
    }
    return AuditSettings(**{**values, "out": out, **changes})


def small_probe(out: Path, **changes: Any) -> ProbeSettings:
    values = {
        "model": "builtin:sound",
        "suite": "world-smoke",
        "device": "cpu",
        "limit": 30,
        "random_weights": 1,
    }
    return ProbeSettings(**{**values, "out": out, **changes})


@pytest.fixture(scope="module")
def seeded(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Audits with the base seed 5, with it once more, and with the default."""
    folder = tmp_path_factory.mktemp("runs")
    runs = {"five": 5, "five again": 5, "default": 0}
    for name, seed in runs.items():
        execute(plan_audit(small(folder / name, seed=seed)))
    return {name: folder / name for name in runs}


def files_of(run: Path) -> dict[str, bytes]:
    files = [*run.glob("*.parquet"), run / "summary.json", *(run / "images").glob("*.png")]
    return {file.relative_to(run).as_posix(): file.read_bytes() for file in files}


def column(run: Path, table: Any, name: str) -> list[Any]:
    return [row[name] for row in read_rows(table_path(run, table), table)]


def test_planning_writes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    plan_audit(small(Path("runs/audit")))
    plan_probe(small_probe(Path("runs/probe")))

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "change",
    [{"seed": 1}, {"steps": 3}, {"sample": 20, "limit": None}, {"denoiser_station": False}],
    ids=str,
)
def test_a_plan_of_another_run_is_refused(change: dict[str, Any], seeded: dict[str, Path]) -> None:
    settings = small(seeded["default"], **change)

    with pytest.raises(RunDirectoryError, match=next(iter(change))):
        plan_audit(settings)


def states_of(plan: AuditPlan) -> int:
    """The bytes that the states of all prompts should take."""
    each = state_bytes(
        plan.inputs.loaded,
        plan.inputs.prompts_to_try[:1],
        draws=plan.settings.random_weights,
        recorded=plan.sampling.recorded,
    )
    return each * len(plan.prompts)


def test_the_states_take_what_was_told_beforehand(tmp_path: Path, seeded: dict[str, Path]) -> None:
    folder = seeded["default"] / "activations"
    taken = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())

    plan = plan_audit(small(tmp_path / "run"))

    assert states_of(plan) == pytest.approx(taken, rel=0.1)
    # 20 images of 64 x 64 pixels, at 1 byte per pixel.
    assert "0.0819 MB of images at 1 byte per pixel" in plan.lines[-1]
    assert f"{states_of(plan) / 1e6:.3g} MB of the states that are probed" in plan.lines[-1]


def test_a_disk_without_room_for_the_images_is_told_beforehand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    states = states_of(plan_audit(small(tmp_path / "run")))
    # 20 images of 64 x 64 pixels take 8,192 bytes at 0.1 bytes per pixel.
    least = 8_192 + states
    monkeypatch.setattr("shutil.disk_usage", lambda folder: SimpleNamespace(free=least - 1))

    with pytest.raises(RunDirectoryError, match=r"20 images of 64 x 64 pixels and .* need at"):
        plan_audit(small(tmp_path / "run"))

    # For which there may be room is said. At 1 byte per pixel they take 81,920 bytes.
    usual = 81_920 + states
    for free, notes in ((least, 1), (usual - 1, 1), (usual, 0)):
        monkeypatch.setattr("shutil.disk_usage", lambda _, free=free: SimpleNamespace(free=free))
        reporter = CollectingReporter()
        plan_audit(small(tmp_path / "run"), reporter)
        said = [note for note in reporter.notes if "the disk may become full" in note]
        assert len(said) == notes


def test_a_caller_that_asks_for_no_report_gets_none(
    seeded: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    plan = plan_audit(small(seeded["default"]))
    (seeded["default"] / "probes.parquet").unlink()  # so that it is made again

    execute(plan)

    assert capsys.readouterr() == ("", "")
    assert (seeded["default"] / "probes.parquet").exists()


def test_the_stages_and_notes_go_to_the_reporter(tmp_path: Path) -> None:
    reporter = CollectingReporter()

    execute_probe(plan_probe(small_probe(tmp_path / "run"), reporter), reporter)

    assert reporter.stages == ["encode", "probe text_encoder", "results"]
    # The checkpoint, and three draws of random weights.
    assert reporter.counts["encode"] == 2 * 30


def test_the_same_base_seed_makes_the_same_run(seeded: dict[str, Path]) -> None:
    assert files_of(seeded["five"]) == files_of(seeded["five again"])


def test_another_base_seed_draws_other_noise(seeded: dict[str, Path]) -> None:
    five, default = (files_of(seeded[name]) for name in ("five", "default"))
    images = [name for name in five if name.endswith(".png")]

    assert len(images) == 20
    assert all(five[name] != default[name] for name in images)


@pytest.mark.parametrize("station", ["text_encoder", "denoiser"])
def test_another_base_seed_draws_other_folds_and_random_weights(
    station: str, seeded: dict[str, Path]
) -> None:
    five, default = (
        [
            row
            for row in read_rows(table_path(seeded[name], "probes"), "probes")
            if row["station"] == station
        ]
        for name in ("five", "default")
    )

    for figure in ("shuffled_balanced_accuracy", "random_weights_balanced_accuracy"):
        assert [row[figure] for row in five] != [row[figure] for row in default], figure


def test_the_base_seed_is_recorded(seeded: dict[str, Path]) -> None:
    manifest = json.loads((seeded["five"] / "manifest.json").read_text())

    assert manifest["settings"]["seed"] == 5
    assert read_settings(seeded["five"]).seed == 5


def test_the_command_line_takes_a_base_seed(
    seeded: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    out = ["--suite", "world-smoke", "--limit", "20", "-o", str(seeded["default"])]
    out += ["--random-weights", "1"]

    assert (
        main(["audit", "builtin:sound", *out, "--seeds", "1", "--steps", "2", "--seed", "7"]) == 2
    )
    assert "seed is 0 there and 7 here" in capsys.readouterr().err
    assert main(["probe", "builtin:sound", *out, "--seed", "-1"]) == 2
    assert "--seed should be at least 0, not -1" in capsys.readouterr().err


def test_settings_of_an_earlier_version_are_read(tmp_path: Path) -> None:
    (tmp_path / "settings.json").write_text(EARLIER_SETTINGS)

    settings = read_settings(tmp_path)

    assert settings == AuditSettings(
        model="builtin:patchy", judge="oracle", out=tmp_path, limit=80, seeds=1, seed=0
    )


def test_settings_that_cannot_be_used_are_refused_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "settings.json").write_text(EARLIER_SETTINGS.replace('"limit": 80', '"limit": 0'))

    with pytest.raises(AuditError, match=r"--limit should be at least 1.*give the audit's own"):
        read_settings(tmp_path)


def test_settings_may_leave_to_others_what_depends_on_them() -> None:
    own = AuditSettings.of(model="builtin:sound")

    assert (own.judge, own.out) == ("auto", Path("runs/sound-world-relations"))
    assert replace(own, seed=3).seed == 3
