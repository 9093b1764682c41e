"""The command ``t2i-audit compare`` as its user types it, on small real runs."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

import t2i_audit as t2i
from t2i_audit.cli.main import main

Capture = pytest.CaptureFixture[str]
OPTIONS = [
    *("--suite", "world-smoke", "--device", "cpu", "--steps", "3"),
    *("--random-weights", "1", "--no-denoiser-station"),
]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``sound``, ``misbinding`` and ``one_seed``; not to be changed."""
    folder = tmp_path_factory.mktemp("runs")
    for name, model, size in (
        ("sound", "builtin:sound", ["--limit", "16", "--seeds", "2"]),
        ("misbinding", "builtin:misbinding", ["--limit", "16", "--seeds", "2"]),
        ("one_seed", "builtin:sound", ["--limit", "16", "--seeds", "1"]),
        ("other_suite", "builtin:sound", ["--limit", "4", "--seeds", "1"]),
    ):
        assert main(["audit", model, *OPTIONS, *size, "--out", str(folder / name)]) == 0
    return folder


def compare(*arguments: object) -> int:
    return main(["compare", *map(str, arguments)])


def result(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def refused(capsys: Capture, said: str) -> None:
    """One sentence on stderr and nothing on stdout."""
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.count("\n") == 1 and shown.err.startswith("t2i-audit: ")
    assert said in shown.err


def test_a_worse_candidate_is_said_to_be_worse_and_fails_the_check(
    runs: Path, tmp_path: Path, capsys: Capture
) -> None:
    out = tmp_path / "comparison.json"

    assert compare(runs / "sound", runs / "misbinding", "--fail-if-worse", 0.03, "-o", out) == 1

    found = result(out)
    shown = capsys.readouterr()
    assert found["outcome"] == "worse" and found["same_noise"]
    assert "The candidate is worse" in shown.out and "exit code 1" in shown.err
    wrong = [each for each in found["flipped"] if not each["became_right"]]
    assert found["flipped"][: len(wrong)] == wrong
    assert (runs / "sound" / wrong[0]["base_image"]).is_file()
    assert (runs / "misbinding" / wrong[0]["candidate_image"]).is_file()


def test_a_better_candidate_passes(runs: Path) -> None:
    assert compare(runs / "misbinding", runs / "sound", "--fail-if-worse", 0) == 0


def test_a_run_with_itself_has_no_difference(runs: Path, capsys: Capture) -> None:
    assert compare(runs / "sound", runs / "sound", "--fail-if-worse", 0, "--json") == 0

    found = json.loads(capsys.readouterr().out)
    difference = found["overall"]["difference"]
    assert found["outcome"] == "not told apart" and found["same_audit"]
    assert difference["estimate"] == 0 and difference["lower"] < 0 < difference["upper"]
    assert found["flipped"] == [] and "same audit" in found["sentence"]


def test_runs_of_other_numbers_of_seeds_are_compared_over_the_seeds_of_both(runs: Path) -> None:
    found = t2i.compare(runs / "sound", runs / "one_seed")

    assert found.n_seeds == 1 and found.overall.difference.estimate == 0
    assert any("the first 1 of each" in note for note in found.notes)


def test_the_figures_are_those_of_the_runs_and_swap_with_them(runs: Path) -> None:
    sound, misbinding = (t2i.load_run(runs / name) for name in ("sound", "misbinding"))
    one, other = t2i.compare(sound, misbinding), t2i.compare(misbinding, sound)

    assert sound.summary.success is not None and misbinding.summary.success is not None
    assert one.overall.base == sound.summary.success.overall
    assert one.overall.candidate == misbinding.summary.success.overall
    assert one.overall.difference.lower == pytest.approx(-other.overall.difference.upper, abs=1e-6)
    assert one.by_slot.keys() == sound.summary.success.by_slot.keys()
    station = sound.summary.stations["text_encoder"]
    if station.decodability.n:
        assert one.decodability["text_encoder"].base == station.decodability


def test_a_plan_needs_no_candidate(runs: Path, capsys: Capture) -> None:
    assert compare(runs / "sound", "--plan", "--json") == 0

    plan = json.loads(capsys.readouterr().out)
    assert [each["points"] for each in plan["seen"]] == [1, 2, 5]
    assert all(0 <= each["power"] <= 1 for each in plan["seen"])
    assert compare(runs / "sound", "--plan") == 0
    assert "seeds for 80%" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["sound"], "CANDIDATE is missing"),
        (["sound", "misbinding", "--fail-if-worse", "3"], "should be a share from 0 to 1, not 3"),
        (["sound", "misbinding", "--fail-if-worse", "nan"], "should be a share from 0 to 1"),
        (["sound", "misbinding", "--plan"], "leave out CANDIDATE"),
        (["sound", "--plan", "--fail-if-worse", "0"], "leave out --fail-if-worse"),
        (["sound", "misbinding", "--correlation", "0.5"], "--correlation"),
        (["sound", "other_suite"], "differs in its suite"),
        (["sound", "nowhere"], "is no folder"),
        (["sound", "misbinding", "-o", "sound/x.json"], "lies in the run directory"),
    ],
)
def test_bad_input_is_one_sentence(
    runs: Path, arguments: list[str], said: str, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(runs)

    assert compare(*arguments) == 2
    refused(capsys, said)


def changed(run: Path, out: Path, **values: Any) -> Path:
    """A copy of `run` whose manifest says something else."""
    shutil.copytree(run, out)
    manifest = json.loads((out / "manifest.json").read_text())
    manifest["settings"] |= values.pop("settings", {})
    (out / "manifest.json").write_text(json.dumps(manifest | values))
    return out


def test_another_judge_a_probe_and_an_unfinished_run_are_refused(
    runs: Path, tmp_path: Path, capsys: Capture
) -> None:
    sound = runs / "sound"
    judge = {"name": "oracle", "judge": "oracle", "version": "0"}
    for name, change, said in (
        ("judged", {"settings": {"judge": judge}}, "oracle with another version"),
        ("probe", {"settings": {"command": "probe"}}, "is not the run of an audit"),
        ("begun", {"files": {}}, "is not finished"),
    ):
        assert compare(sound, changed(sound, tmp_path / name, **change)) == 2
        refused(capsys, said)


def test_a_result_that_was_changed_is_refused(runs: Path, tmp_path: Path, capsys: Capture) -> None:
    copy = shutil.copytree(runs / "sound", tmp_path / "copy")
    table = copy / "judgements.parquet"
    table.write_bytes(table.read_bytes()[:-1] + b"x")

    assert compare(runs / "sound", copy) == 2
    refused(capsys, "is not as the run wrote it")
