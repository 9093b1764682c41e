"""The command ``report``, and the page that every run leaves."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import t2i_audit as t2i
from t2i_audit.cli.main import main
from t2i_audit.results.run import load_run
from t2i_audit.results.summary import RunSummary, read_summary
from t2i_audit.run.directory import read_manifest
from t2i_audit.run.manifest import Manifest
from t2i_audit.stages.page import leave_page
from tests.audit.small import OPTIONS

AUDIT = ("audit", "builtin:sound", "--suite", "world-smoke", "--limit", "4")
QUICK = [*(option for option in OPTIONS if option != "--no-report")]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with its page; not to be changed."""
    out = tmp_path_factory.mktemp("report") / "run"
    assert main([*AUDIT, *QUICK, "-o", str(out)]) == 0
    return out


@pytest.fixture
def run(made: Path, tmp_path: Path) -> Path:
    return shutil.copytree(made, tmp_path / "run")


def test_an_audit_leaves_its_page_which_is_no_result(made: Path) -> None:
    page = (made / "report.html").read_text()

    assert "<title>builtin:sound on world-smoke, judged by oracle</title>" in page
    assert "report.html" not in load_run(made).manifest.files
    assert f"t2i-audit audit builtin:sound --suite world-smoke --out {made} --limit 4" in page


def test_a_page_that_is_there_stays_and_one_that_is_lost_is_written_again(run: Path) -> None:
    page = run / "report.html"
    page.write_text("mine")
    assert main([*AUDIT, *QUICK, "-o", str(run)]) == 0
    assert page.read_text() == "mine"
    page.unlink()
    assert main([*AUDIT, *QUICK, "-o", str(run)]) == 0

    assert "builtin:sound" in page.read_text()


def test_no_report_leaves_none(run: Path) -> None:
    (run / "report.html").unlink()

    assert main([*AUDIT, *QUICK, "--no-report", "-o", str(run)]) == 0
    assert not (run / "report.html").exists()


def test_a_page_that_cannot_be_written_is_a_note_and_no_failure(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from t2i_audit.reporter import TerminalReporter

    (run / "probes.parquet").unlink()
    (run / "report.html").unlink()
    leave_page(t2i.Run(run, *read(run)), TerminalReporter(), anew=True)
    said = " ".join(capsys.readouterr().err.split())

    assert "report.html could not be written" in said and "probes.parquet is missing" in said


def read(run: Path) -> tuple[Manifest, RunSummary]:
    return read_manifest(run), read_summary(run / "summary.json")


def test_a_calibration_writes_the_page_again(run: Path) -> None:
    (run / "report.html").write_text("old")
    labels = run.parent / "labels.csv"
    rows = t2i.load_run(run).table("judgements")
    lines = [f"{each.prompt_id},{each.seed},a,{int(each.correct)}" for each in rows.itertuples()]
    labels.write_text("\n".join(["prompt_id,seed,rater,correct", *lines]) + "\n")

    assert main(["calibrate", str(run), "--labels", str(labels)]) == 0
    assert "Corrected for the judge" in (run / "report.html").read_text()


def test_the_page_of_a_run_goes_where_it_is_asked_for(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["report", str(run), "-o", str(tmp_path / "new" / "page.html")]) == 0
    assert (tmp_path / "new" / "page.html").read_text().startswith("<!doctype html>")
    assert capsys.readouterr().out == f"Page: {tmp_path / 'new' / 'page.html'}\n"


def test_a_board_and_two_runs_have_pages(run: Path, made: Path, tmp_path: Path) -> None:
    board = tmp_path / "board.csv"
    assert main(["leaderboard", str(run), "-o", str(board)]) == 0
    assert main(["report", str(board)]) == 0
    assert main(["report", str(run), str(made), "-o", str(tmp_path / "two.html")]) == 0

    assert "builtin:sound" in (tmp_path / "board.html").read_text()
    assert "builtin:sound" in (tmp_path / "two.html").read_text()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nowhere"], "nowhere does not exist; give a run"),
        (["{run}", "{run}", "{run}"], "and not 3 of them"),
        (["{run}", "-o", "{run}/summary.json"], "-o should name a file that ends in .html"),
        (["{run}", "-o", "{run}"], "-o should name a file that ends in .html"),
        (["{run}", "--max-mb", "0.5"], "--max-mb should be from 2 to 2000, not 0.5"),
        (["{run}", "--max-mb", "nan"], "--max-mb should be from 2 to 2000, not nan"),
        (["{run}/summary.json"], "summary.json"),
    ],
)
def test_bad_input_is_one_sentence(
    made: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    before = {path: path.stat().st_mtime_ns for path in made.rglob("*")}

    assert main(["report", *(each.format(run=made) for each in arguments)]) == 2
    assert said in capsys.readouterr().err
    assert before == {path: path.stat().st_mtime_ns for path in made.rglob("*")}
