"""Several models by one command: each run as by its own command, and the board of all."""

from __future__ import annotations

import csv
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import t2i_audit as t2i
from t2i_audit.cli.main import main
from t2i_audit.many import worker
from t2i_audit.many.execute import device_of_each_process, visible_gpus
from tests.audit.small import results
from tests.many.small import IMAGES, PATCHY, SOUND, arguments


def models_on(board: Path) -> list[str]:
    with (board / "leaderboard.csv").open(newline="") as file:
        return [row["model"] for row in csv.DictReader(file)]


def all_results(board: Path) -> dict[str, dict[str, bytes]]:
    return {run.name: results(run) for run in sorted(board.iterdir()) if run.is_dir()}


@pytest.fixture
def broken(tmp_path: Path) -> Path:
    """A checkpoint that seems complete, and whose weights are cut short."""
    whole = t2i.load_model(SOUND).path
    assert whole is not None
    folder = shutil.copytree(whole, tmp_path / "broken")
    (weights,) = (folder / "unet").glob("*.safetensors")
    os.truncate(weights, 5_000)
    return folder


def test_each_run_is_the_one_of_its_own_command(board: Path, suite: Path, tmp_path: Path) -> None:
    assert main(arguments(suite, tmp_path / "alone", PATCHY)) == 0

    assert results(board / "patchy") == results(tmp_path / "alone")
    assert sorted(models_on(board)) == [PATCHY, SOUND]


def test_given_again_finished_runs_are_only_checked(
    board: Path, suite: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    again = shutil.copytree(board, tmp_path / "again")
    (again / "leaderboard.csv").unlink()

    assert main(arguments(suite, again, SOUND, PATCHY)) == 0

    out, err = capsys.readouterr()
    assert "images:" not in err
    assert "builtin:patchy" in out and f"Table: {again}/leaderboard.csv" in out
    assert all_results(again) == all_results(board)


def test_a_model_that_fails_stops_no_other_and_the_board_says_so(
    board: Path, broken: Path, suite: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = shutil.copytree(board, tmp_path / "out")

    assert main(arguments(suite, out, SOUND, str(broken), PATCHY)) == 2

    shown, err = capsys.readouterr()
    # Lines of the screen are broken where a path is long.
    said = " ".join(shown.split())
    assert "Note: broken is missing: " in said and "is damaged or was cut off" in said
    assert err.splitlines()[-1].startswith("t2i-audit: 1 of 3 audits failed (broken); ")
    assert "Traceback" not in err
    assert sorted(models_on(out)) == [PATCHY, SOUND]


def test_where_none_is_finished_there_is_no_board(broken: Path, tmp_path: Path) -> None:
    audits = t2i.audit_many([str(broken)], out=tmp_path / "out", suite="world-smoke", limit=2)

    assert (audits.runs, audits.board, list(audits.failures)) == ({}, None, ["broken"])
    assert not audits.table.exists()


def test_a_fault_of_ours_is_kept_and_stops_no_other(
    board: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import t2i_audit.many.one as one

    monkeypatch.setattr(one, "execute", lambda plan, reporter: 1 // 0)
    out = tmp_path / "out"

    audits = t2i.audit_many([SOUND, PATCHY], out=out, suite="world-smoke", limit=2, seeds=1)

    kept = out / "sound.traceback.txt"
    assert audits.failures["sound"] == f"a fault of the program, ZeroDivisionError; see {kept}"
    assert "1 // 0" in kept.read_text() and len(audits.failures) == 2


@pytest.mark.slow
def test_two_processes_make_the_runs_of_one(
    board: Path, broken: Path, suite: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    models = (SOUND, PATCHY, str(broken))

    assert main([*arguments(suite, tmp_path / "two", *models), "--processes", "2"]) == 2

    out, err = capsys.readouterr()
    assert f"patchy: images: {IMAGES}/{IMAGES}" in err and "sound: results: 1/1" in err
    said = " ".join(out.split())
    assert "Note: broken is missing: " in said and "is damaged or was cut off" in said
    assert all_results(tmp_path / "two") == all_results(board)


@pytest.mark.parametrize(
    ("count", "set_to", "expected"),
    [
        (0, None, ()),
        (2, None, ("0", "1")),
        (1, "", ("0",)),
        (2, "3, GPU-8932f937", ("3", "GPU-8932f937")),
        (1, "3,-1,4", ("3",)),  # CUDA sees none after one that does not exist
    ],
)
def test_gpus_go_by_the_names_that_this_process_was_given(
    count: int, set_to: str | None, expected: tuple[str, ...]
) -> None:
    environment = {} if set_to is None else {"CUDA_VISIBLE_DEVICES": set_to}

    assert visible_gpus(count, environment) == expected


@pytest.mark.parametrize(
    ("processes", "audits", "gpus", "expected"),
    [
        (None, 5, (), (None,)),
        (None, 5, ("0", "1"), ("0", "1")),
        (None, 1, ("0", "1"), ("0",)),
        (3, 5, ("0", "1"), ("0", "1", "0")),
        (3, 2, (), (None, None)),
        (1, 5, ("0", "1"), ("0",)),
    ],
)
def test_each_process_has_a_gpu(
    processes: int | None, audits: int, gpus: tuple[str, ...], expected: tuple[str | None, ...]
) -> None:
    assert device_of_each_process(processes, audits, gpus) == expected


# So many that the command can be ended while images are made.
STEPS = "30"


def begun(suite: Path, out: Path) -> subprocess.Popen[str]:
    """The command with two processes, once both have begun to make images."""
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "t2i_audit"),
            *arguments(suite, out, SOUND, PATCHY),
            *("--processes", "2", "--steps", STEPS),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # Shells have their background jobs ignore the signal, and children inherit that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    while len({path.parts[-3] for path in out.glob("*/images/batch_*.json")}) < 2:
        assert process.poll() is None, process.communicate()
        time.sleep(0.05)
    return process


def at_work(out: Path) -> list[int]:
    """The processes that the locks in `out` name and that are alive."""
    pids = [int(lock.read_text().split()[-1]) for lock in out.glob("*/.lock")]
    return [pid for pid in pids if Path(f"/proc/{pid}/cmdline").is_file()]


def end_with(sent: signal.Signals, suite: Path, out: Path) -> tuple[int, str]:
    """Begin the command and send it a signal; returns its exit code and the last line it printed,
    once no process is at work any more."""
    process = begun(suite, out)
    assert len(at_work(out)) == 2
    process.send_signal(sent)
    _, err = process.communicate(timeout=120)
    end = time.monotonic() + 60
    while at_work(out):
        assert time.monotonic() < end
        time.sleep(0.05)
    return process.returncode, err.splitlines()[-1]


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="there is no /proc")
@pytest.mark.slow
def test_an_interrupt_ends_all_processes_and_says_how_to_go_on(suite: Path, tmp_path: Path) -> None:
    assert end_with(signal.SIGINT, suite, tmp_path / "out") == (
        130,
        "t2i-audit: interrupted; give the same command again to resume where it stopped",
    )
    # No process failed, and there is no board of half the models.
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["patchy", "sound"]


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self").exists(), reason="there is no /proc")
def test_a_kill_ends_all_processes_and_the_same_command_goes_on(
    suite: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    code, _ = end_with(signal.SIGKILL, suite, out)
    made = {path: path.stat().st_mtime_ns for path in out.glob("*/images/batch_*.json")}

    assert main([*arguments(suite, out, SOUND, PATCHY), "--steps", STEPS]) == 0

    assert code == -signal.SIGKILL
    assert made and all(path.stat().st_mtime_ns == there for path, there in made.items())
    runs = [t2i.load_run(out / name) for name in ("sound", "patchy")]
    assert [run.summary.n_images for run in runs] == [IMAGES, IMAGES]
    costs = [run.cost for run in runs]
    assert [cost.images for cost in costs if cost is not None] == [IMAGES, IMAGES]


def test_a_process_that_dies_is_told_and_stops_no_other(
    suite: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from t2i_audit.many import processes

    dying = tmp_path / "dying.py"
    dying.write_text(
        "import os, sys\n"
        f"from {worker.__name__} import main\n"
        "import t2i_audit.many.worker as worker\n"
        "real = worker.audit_one\n"
        "def audit_one(settings, reporter):\n"
        "    if 'patchy' in settings.model:\n"
        "        print('no memory for this', file=sys.stderr, flush=True)\n"
        "        os.abort()\n"
        "    return real(settings, reporter)\n"
        "worker.audit_one = audit_one\n"
        "sys.exit(main())\n"
    )
    monkeypatch.setattr(processes, "WORKER", (sys.executable, str(dying)))
    out = tmp_path / "out"

    audits = t2i.audit_many(
        [SOUND, PATCHY], out=out, processes=2, suite=suite, seeds=1, steps=2, random_weights=1
    )

    kept = out / "patchy.traceback.txt"
    assert audits.failures == {"patchy": f"its process ended with code -6; see {kept}"}
    assert "no memory for this" in kept.read_text()
    assert list(audits.runs) == ["sound"]
