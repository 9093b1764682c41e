"""The command ``t2i-audit calibrate`` as its user types it, on an audit of a built-in."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

import t2i_audit as t2i
from t2i_audit.cli.main import main
from t2i_audit.errors import RunDirectoryError
from t2i_audit.results.judge_card import read_cards
from t2i_audit.results.summary import read_summary

Capture = pytest.CaptureFixture[str]
OPTIONS = [
    *("--device", "cpu", "--seeds", "2", "--no-denoiser-station", "--limit", "30"),
    *("--random-weights", "1"),
]


@pytest.fixture(scope="module")
def audited(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished audit of 60 images, judged by CLIP; not to be changed."""
    out = tmp_path_factory.mktemp("runs") / "misbinding"
    command = ["audit", "builtin:misbinding", "--judge", "clip", "--steps", "6", "--out", str(out)]
    assert main([*command, *OPTIONS]) == 0
    return out


@pytest.fixture
def run(audited: Path, tmp_path: Path) -> Path:
    """A copy that may be changed."""
    return shutil.copytree(audited, tmp_path / "run")


@pytest.fixture
def calibrated(run: Path, capsys: Capture) -> Path:
    """A copy with the card of its judge."""
    assert main(["calibrate", str(run), "--labels", "oracle"]) == 0
    capsys.readouterr()
    return run


def test_a_card_and_corrected_rates_are_written_and_shown(run: Path, capsys: Capture) -> None:
    assert main(["calibrate", str(run), "--labels", "oracle"]) == 0
    shown = capsys.readouterr().out

    (card,) = read_cards(run / "judge_card.json")
    summary = t2i.load_run(run).summary
    assert (card.judge, card.labels, card.n_labels) == ("clip", "oracle", card.n_images)
    assert summary.corrected == card.corrected
    assert f"{card.n_labels} labelled images of {card.n_images} judged ones" in shown
    for interval in (card.overall.sensitivity, card.corrected.overall.rate):
        assert str(interval) in shown


def test_a_rate_with_all_images_labelled_is_the_labellers_own(audited: Path, run: Path) -> None:
    card = t2i.calibrate(run, labels="oracle")
    judged = t2i.judge(audited, "oracle", out=run.parent / "by-oracle").table("judgements")

    decided = t2i.load_run(run).table("judgements").correct.notna()
    assert card.corrected.overall.rate.estimate == pytest.approx(
        judged.correct[decided].astype(float).mean()
    )


def test_corrected_rates_stand_beside_the_judges_in_report_and_leaderboard(
    calibrated: Path, capsys: Capture
) -> None:
    assert main(["leaderboard", str(calibrated), "-o", "-"]) == 0
    header, row = (line.split(",") for line in capsys.readouterr().out.splitlines())
    cells = dict(zip(header, row, strict=False))
    corrected = t2i.load_run(calibrated).summary.corrected
    assert corrected is not None
    assert float(cells["corrected_success_estimate"]) == corrected.overall.rate.estimate
    assert cells["corrected_success_n"] == str(corrected.n_labels)

    command = ["audit", "builtin:misbinding", "--judge", "clip", "--steps", "6"]
    assert main([*command, *OPTIONS, "--out", str(calibrated)]) == 0
    shown = capsys.readouterr().out
    assert str(corrected.overall.rate) in shown
    assert "Only success rates are corrected" in shown


def test_few_labels_are_drawn_by_the_seed_and_give_a_wider_interval(
    run: Path, capsys: Capture
) -> None:
    def card(*options: str) -> dict[str, Any]:
        assert main(["calibrate", str(run), "--labels", "oracle", "--json", *options]) == 0
        parsed: dict[str, Any] = json.loads(capsys.readouterr().out)
        return parsed

    some, again, other = (card("--n-labels", "40", "--seed", seed) for seed in ("0", "0", "1"))
    all_ = card()

    assert some == again != other
    rates = [each["corrected"]["overall"]["rate"] for each in (some, all_)]
    assert rates[0]["n"] == 40
    assert rates[0]["upper"] - rates[0]["lower"] > rates[1]["upper"] - rates[1]["lower"]


def test_a_plan_says_how_many_labels_are_needed_and_writes_nothing(
    run: Path, capsys: Capture
) -> None:
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}

    assert main(["calibrate", str(run), "--plan"]) == 0
    shown = capsys.readouterr().out
    assert main(["calibrate", str(run), "--plan", "--labels", "oracle", "--json"]) == 0
    measured = json.loads(capsys.readouterr().out)["needed"][0]

    for number in ("629", "124", "1,067"):
        assert number in shown
    assert measured["source"] == "measured"
    after = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    assert {path: after[path] for path in before if path.name != ".lock"} == {
        path: data for path, data in before.items() if path.name != ".lock"
    }
    assert after.keys() - before.keys() <= {run / ".lock"}


def test_the_card_of_another_run_warns_that_errors_do_not_travel(
    calibrated: Path, audited: Path, tmp_path: Path, capsys: Capture
) -> None:
    other = shutil.copytree(audited, tmp_path / "other")

    assert main(["calibrate", str(other), "--labels", str(calibrated)]) == 0

    corrected = t2i.load_run(other).summary.corrected
    assert corrected is not None
    assert (corrected.method, corrected.n_labels) == ("rogan_gladen", 0)
    assert "errors do not travel" in capsys.readouterr().out
    again = shutil.copytree(audited, tmp_path / "again")
    assert main(["calibrate", str(again), "--labels", str(other)]) == 2
    assert "was itself taken from another run" in capsys.readouterr().err


def test_a_second_card_replaces_the_first_of_that_judge(calibrated: Path) -> None:
    t2i.calibrate(calibrated, labels="oracle", n_labels=40)

    (card,) = read_cards(calibrated / "judge_card.json")
    assert card.n_labels == 40


def test_a_summary_of_an_earlier_version_is_read(audited: Path, tmp_path: Path) -> None:
    told = json.loads((audited / "summary.json").read_text())
    del told["corrected"]
    (tmp_path / "summary.json").write_text(json.dumps(told))

    assert read_summary(tmp_path / "summary.json").corrected is None


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--labels", "clip"], "'clip' cannot be calibrated on its own verdicts"),
        (["--labels", "oracle", "--judge", "vqa"], "has no verdicts of 'vqa'; it has clip"),
        ([], "give --labels, e.g."),
        (["--labels", "."], "is missing"),
        (["--labels", "orcle"], "is no file of labels, no calibrated run and no judge"),
        (["--labels", "oracle", "--suite", "smoke"], "a run has its own prompts"),
        (["--labels", "oracle", "--n-labels", "0"], "--n-labels should be at least 1"),
        (["--labels", "oracle", "--points", "0"], "--points should be at least 0.1"),
    ],
)
def test_bad_input_is_one_sentence(
    audited: Path,
    options: list[str],
    sentence: str,
    capsys: Capture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(audited)

    assert main(["calibrate", str(audited), *options]) == 2

    said = capsys.readouterr().err.strip().splitlines()
    assert sentence in said[-1]
    assert not (audited / "judge_card.json").exists()


def test_a_run_without_images_is_refused(tmp_path: Path, capsys: Capture) -> None:
    out = tmp_path / "probe"
    assert main(["probe", "builtin:sound", "--limit", "24", "--out", str(out)]) == 0
    capsys.readouterr()

    assert main(["calibrate", str(out), "--labels", "oracle"]) == 2
    assert "made no images" in capsys.readouterr().err


def test_an_image_that_was_changed_is_not_labelled(run: Path, capsys: Capture) -> None:
    next((run / "images").glob("*.png")).write_bytes(b"no image")

    assert main(["calibrate", str(run), "--labels", "oracle"]) == 2
    assert "was changed since it was judged" in capsys.readouterr().err
    assert not (run / "judge_card.json").exists()


@pytest.mark.parametrize("text", ["", "[]", '{"schema": 1}', '{"cards": [], "schema": 9}'])
def test_a_file_that_holds_no_cards_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "judge_card.json").write_text(text)

    with pytest.raises(RunDirectoryError, match="holds no judge cards"):
        read_cards(tmp_path / "judge_card.json")
