"""A run of images made elsewhere is a run like any other."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import t2i_audit as t2i
from t2i_audit.cli.main import main
from t2i_audit.results.run import Run, load_run
from tests.images.judged import CLIP, judge, judged, verdicts
from tests.images.layouts import as_csv, as_geneval, as_parquet, as_webdataset


def results(run: Path) -> dict[str, bytes]:
    files = [*run.glob("*.parquet"), run / "summary.json", *(run / "images").iterdir()]
    return {file.name: file.read_bytes() for file in files}


@pytest.fixture(scope="module")
def theirs(original: Run, suite: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of images; not to be changed."""
    return as_geneval(original, tmp_path_factory.mktemp("images") / "their model")


@pytest.fixture(scope="module")
def finished(theirs: Path, suite: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of them; not to be changed."""
    out = tmp_path_factory.mktemp("runs") / "finished"
    assert judge(theirs, out, "--suite", str(suite)) == 0
    return out


def test_the_files_are_copied_byte_for_byte_and_their_folder_stays(
    theirs: Path, finished: Path, original: Run
) -> None:
    own = sorted(file.read_bytes() for file in (finished / "images").glob("*.png"))
    assert own == sorted(file.read_bytes() for file in theirs.rglob("*.png"))
    assert len(list(theirs.rglob("*"))) == 6 * 3 + 12
    assert (finished / "suite.jsonl").is_file()


def test_the_same_command_shows_the_finished_run(
    theirs: Path, suite: Path, finished: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = {path: path.stat().st_mtime_ns for path in (finished / "images").iterdir()}

    assert judge(theirs, finished, "--suite", str(suite)) == 0

    assert "judge: " not in capsys.readouterr().err
    assert {path: path.stat().st_mtime_ns for path in (finished / "images").iterdir()} == before


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (("--name", "another"), "model is 'their model' there and 'another' here"),
        (("--limit", "5"), "suite_sha256 is"),
        (("--batch-size", "4"), "batch_size is 32 there and 4 here"),
    ],
)
def test_other_settings_in_the_same_directory_are_refused(
    more: tuple[str, ...],
    said: str,
    theirs: Path,
    suite: Path,
    finished: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert judge(theirs, finished, "--suite", str(suite), *more) == 2
    assert said in capsys.readouterr().err.splitlines()[-1]


def test_a_changed_image_is_another_run(
    theirs: Path, suite: Path, finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = shutil.copytree(theirs, tmp_path / "their model")
    first, second = sorted(folder.rglob("0*.png"))[:2]
    shutil.copy(second, first)

    assert judge(folder, finished, "--suite", str(suite)) == 2
    assert "images.sha256 is" in capsys.readouterr().err


def test_another_judge_judges_the_run_again_without_the_folder(
    finished: Path, theirs: Path, suite: Path, tmp_path: Path
) -> None:
    assert main(["judge", str(finished), "--judge", CLIP, "-o", str(tmp_path / "again")]) == 0
    assert judge(theirs, tmp_path / "direct", "--suite", str(suite), by=CLIP) == 0

    assert results(tmp_path / "again") == results(tmp_path / "direct")


def test_the_same_judge_comes_to_the_same_tables(finished: Path, tmp_path: Path) -> None:
    again = t2i.judge(finished, "oracle", out=tmp_path / "again")

    assert results(again.path) == results(finished)


@pytest.mark.parametrize("file", ["suite.jsonl", "sources.json", "images/000001_000.png"])
def test_a_damaged_run_is_not_judged_again(
    file: str, finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = shutil.copytree(finished, tmp_path / "run")
    (run / file).write_bytes((run / file).read_bytes()[:-1])

    assert main(["judge", str(run), "--judge", CLIP, "-o", str(tmp_path / "again")]) == 2

    assert "damaged" in capsys.readouterr().err
    assert not (tmp_path / "again").exists()


@pytest.mark.parametrize(
    "spoil",
    [
        lambda run: (run / "images" / "000001_000.png").unlink(),
        lambda run: (run / "images" / "batch_00000.json").write_text("{}"),
        lambda run: (run / "judgements.parquet").write_bytes(b"PAR1"),
        lambda run: (run / "sources.json").unlink(),
        lambda run: (run / "summary.json").write_text("{}"),
    ],
)
def test_the_same_command_mends_a_damaged_run(
    spoil: Callable[[Path], object], theirs: Path, suite: Path, finished: Path, tmp_path: Path
) -> None:
    run = shutil.copytree(finished, tmp_path / "run")
    spoil(run)

    assert judge(theirs, run, "--suite", str(suite)) == 0

    assert results(run) == results(finished)
    assert (run / "sources.json").read_bytes() == (finished / "sources.json").read_bytes()


def test_a_killed_run_is_resumed_to_the_same_results(
    theirs: Path, suite: Path, tmp_path: Path
) -> None:
    """It is killed as soon as the first batch is judged."""
    asked = ["--suite", str(suite), "--batch-size", "2"]
    assert judge(theirs, tmp_path / "whole", *asked) == 0
    out = tmp_path / "killed"
    command = ["judge", str(theirs), "--judge", "oracle", "--device", "cpu", "-o", str(out)]
    process = subprocess.Popen(
        [sys.executable, "-m", "t2i_audit", *command, *asked], stderr=subprocess.DEVNULL
    )
    while process.poll() is None and not (out / "images" / "batch_00001.json").exists():
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.wait()

    assert judge(theirs, out, *asked) == 0

    assert results(out) == results(tmp_path / "whole")


@pytest.mark.parametrize("write", [as_csv, as_parquet, as_webdataset])
def test_results_depend_neither_on_the_layout_nor_on_the_batch_size(
    write: Callable[[Run, Path], Path], original: Run, suite: Path, finished: Path, tmp_path: Path
) -> None:
    asked = ("--suite", str(suite), "--batch-size", "5")

    run = judged(write(original, tmp_path / "theirs"), tmp_path / "out", *asked)

    assert (run.path / "judgements.parquet").read_bytes() == (
        finished / "judgements.parquet"
    ).read_bytes()


def test_probing_the_checkpoint_adds_its_text_encoders(
    theirs: Path, suite: Path, original: Run, tmp_path: Path
) -> None:
    asked = ("--suite", str(suite), "--probe", "builtin:sound")

    run = judged(theirs, tmp_path / "out", *asked)

    # The very figures of the audit, whose denoiser was not recorded either.
    assert run.summary.stations == original.summary.stations
    assert run.summary.associations == original.summary.associations
    assert run.summary.attribution == original.summary.attribution
    for table in ("prompts", "probes", "decodability", "judgements", "attributions"):
        file = f"{table}.parquet"
        assert (run.path / file).read_bytes() == (original.path / file).read_bytes(), table

    again = t2i.judge(run, "oracle", out=tmp_path / "again")
    assert results(again.path) == results(run.path)


def test_a_probed_run_names_the_station_it_leaves_out(
    theirs: Path, suite: Path, tmp_path: Path
) -> None:
    asked = ("--suite", str(suite), "--probe", "builtin:sound", "--limit", "4")
    notes = " ".join(judged(theirs, tmp_path / "out", *asked).summary.notes)

    assert "denoiser's states while it made them cannot be known" in notes
    assert "4 images of prompts beyond --limit are not used" in notes


def test_closed_models_stand_beside_open_ones(
    finished: Path, original: Run, suite: Path, theirs: Path, tmp_path: Path
) -> None:
    probed = judged(theirs, tmp_path / "p", "--suite", str(suite), "--probe", "builtin:sound")
    board = t2i.leaderboard([original, finished, probed], out=tmp_path / "board.csv")

    assert [row.group for row in board.rows] == [1, 1, 1]
    row = next(row for row in board.rows if row.model == "their model" and not row.culprit)
    assert not any(each.is_defined for each in row.decodability.values())
    assert row.success == original.summary.success.overall  # type: ignore[union-attr]
    # A run whose checkpoint was probed is of the same checkpoint as its audit.
    assert any("are of one checkpoint" in note for note in board.groups[0].notes)


def test_the_api_takes_a_folder_and_a_suite_in_memory(
    theirs: Path, suite: Path, original: Run, tmp_path: Path
) -> None:
    run = t2i.judge(
        theirs,
        "oracle",
        suite=t2i.load_suite(suite),
        out=tmp_path / "out",
        name="closed",
        device="cpu",
    )

    assert run.summary.model == "closed"
    assert verdicts(run) == verdicts(original)
    prompt_id = run.table("prompts").prompt_id[0]
    assert run.images(prompt_id)[0].size == (64, 64)
    assert len(run.dataset()) == 12
    assert run.table("probes").empty
    with pytest.raises(TypeError, match="did you mean 'layout'"):
        t2i.judge(theirs, "oracle", out=tmp_path / "x", layuot="geneval")


def test_a_run_takes_no_options_of_images(
    finished: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    asked = ["--judge", CLIP, "-o", str(tmp_path / "again"), "--suite", "world"]

    assert main(["judge", str(finished), *asked]) == 2
    assert "is a run, which has its own prompts and settings" in capsys.readouterr().err


def test_a_run_inside_the_folder_of_images_is_refused(
    theirs: Path, suite: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert judge(theirs, theirs / "run", "--suite", str(suite)) == 2
    assert "lies in the folder of the images" in capsys.readouterr().err


def test_the_report_says_that_no_cause_can_be_named(
    theirs: Path, suite: Path, finished: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert judge(theirs, finished, "--suite", str(suite), "--json") == 0
    summary = json.loads(capsys.readouterr().out)
    assert summary["stations"] == {} and summary["attribution"] is None

    assert judge(theirs, finished, "--suite", str(suite)) == 0
    shown = capsys.readouterr().out
    assert "no checkpoint was probed" in shown
    assert "What a linear probe decodes" not in shown


def test_a_full_disk_is_one_sentence_and_the_run_goes_on_later(
    theirs: Path, suite: Path, finished: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    command = ["judge", str(theirs), "--judge", "oracle", "--suite", str(suite), "-o", str(out)]
    # No file may be larger than one kilobyte, so the images cannot be written.
    limited = "import resource as r; r.setrlimit(r.RLIMIT_FSIZE, (1024, 1024)); import signal as s;"
    limited += "s.signal(s.SIGXFSZ, s.SIG_IGN); from t2i_audit.cli.main import main; import sys;"
    limited += "sys.exit(main(sys.argv[1:]))"
    done = subprocess.run(
        [sys.executable, "-c", limited, *command],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
    )
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr

    assert judge(theirs, out, "--suite", str(suite)) == 0
    assert results(out) == results(finished)


def test_options_of_a_checkpoint_need_one_that_is_probed(
    theirs: Path, suite: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ("--suite", str(suite), "--lora", "style.safetensors")

    assert judge(theirs, tmp_path / "out", *asked) == 2
    assert "for the one that --probe names" in capsys.readouterr().err
    assert judge(theirs, tmp_path / "out", *asked, "--probe", "builtin:sound") == 2
    assert "style.safetensors" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_several_judges_judge_the_same_images_and_one_may_come_later(
    theirs: Path, suite: Path, finished: Path, tmp_path: Path
) -> None:
    asked = ("--suite", str(suite))
    run = judged(theirs, tmp_path / "both", *asked, by=f"oracle,{CLIP}")
    later = shutil.copytree(finished, tmp_path / "later")

    assert run.summary.judge == "oracle"
    assert len(run.table("judgements")) == 2 * run.summary.n_images == 24
    assert run.summary.success == load_run(finished).summary.success
    assert judge(theirs, later, *asked, by=f"oracle,{CLIP}") == 0
    assert results(later) == results(run.path)
