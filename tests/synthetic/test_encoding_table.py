"""``synthetic encodings``: resumed wherever it stops, beside the paper's figures."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from synthetic.experiments.encodings import compare_encodings
from synthetic.experiments.runner import Work
from synthetic.presets import preset_settings
from synthetic.settings import RunSettings
from synthetic.suite import ENCODINGS, encoding_runs
from synthetic.training.state import write_state
from synthetic.training.train import TrainingState
from t2i_audit.cli.main import main

SMALL = ["--modules", "4", "--active", "2", "--width", "160", "--steps", "30"]


def base() -> RunSettings:
    # At this width every run is trained by itself; one step draws as much as is drawn at a time.
    return preset_settings(
        "small", family="hyperteacher", modules=4, active=2, width=160, depth=1, steps=6, tasks=600
    )


def test_thorough_trains_every_encoding_on_as_many_modules_as_the_paper() -> None:
    thorough, paper = (
        preset_settings(name, family="hyperteacher") for name in ("thorough", "paper")
    )
    runs = encoding_runs(thorough, [0, 1, 2])

    assert len(set(runs)) == 3 * len(ENCODINGS)
    assert {run.task.encoding for run in runs[: len(ENCODINGS)]} == set(ENCODINGS)
    for run in runs:
        assert not hasattr(run.task, "modules") or run.task.modules == 16
    assert thorough.width < paper.width


class Interrupted(Exception):
    """Stands for a kill in the middle of a run."""


def test_an_interrupted_run_goes_on_from_its_state_to_the_same_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = Work(save_every=0)
    whole = compare_encodings(base(), [0], tmp_path / "whole", work)
    saved: list[int] = []

    def save(path: Path, state: TrainingState) -> None:
        write_state(path, state)
        saved.append(state.steps)

    def save_and_stop(path: Path, state: TrainingState) -> None:
        save(path, state)
        finished = len(list((path.parent.parent / "runs").glob("*.json")))
        if finished == 1 and state.steps == 3:
            raise Interrupted

    monkeypatch.setattr("synthetic.training.state.write_state", save_and_stop)
    with pytest.raises(Interrupted):
        compare_encodings(base(), [0], tmp_path / "cut", work)
    partial = json.loads((tmp_path / "cut" / "summary.json").read_text())
    saved.clear()
    monkeypatch.setattr("synthetic.training.state.write_state", save)

    again = compare_encodings(base(), [0], tmp_path / "cut", work)

    # What was finished stands in the table before the rest is.
    assert (partial["n_runs"], partial["n_planned"]) == (1, len(ENCODINGS))
    assert saved[0] > 3
    assert repr(again) == repr(whole)
    assert not (tmp_path / "cut" / "states").exists()


def test_the_table_has_the_papers_figures_beside_ours(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = str(tmp_path / "out")

    assert main(["synthetic", "encodings", *SMALL, "--seed", "0", "--jobs", "1", "-o", out]) == 0

    printed = capsys.readouterr().out
    assert "6 of 6 runs" in printed
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    by_name = {row["ours"]["name"]: row for row in summary["rows"]}
    assert tuple(by_name) == ENCODINGS
    assert by_name["few-shot"]["paper"]["generalization"] == 0.97


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["--preset", "thoruogh"], "did you mean thorough?"),
        (["--seed", "x"], "--seed should be whole numbers"),
        (["--modules", "5"], "even number of modules"),
        (["--jobs", "0"], "--jobs should be at least 1"),
    ],
)
def test_bad_input_is_one_sentence_and_nothing_is_written(
    arguments: list[str], part: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"

    code = main(["synthetic", "encodings", *arguments, "-o", str(out)])

    captured = capsys.readouterr()
    assert code == 2
    assert captured.err.count("\n") == 1
    assert part in captured.err
    assert not out.exists()
