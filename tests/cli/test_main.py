"""The program's manners: help, exit codes, one sentence for each fault."""

from __future__ import annotations

import json
import os
import platform
import signal
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

import t2i_audit
from t2i_audit.cli.main import main
from t2i_audit.run.manifest import LIBRARIES

COMMANDS = [
    ("audit",),
    ("compare",),
    ("doctor",),
    ("export",),
    ("judge",),
    ("merge",),
    ("plan",),
    ("prompts",),
    ("probe",),
    ("models",),
    ("models", "list"),
    ("leaderboard",),
    ("associate",),
    ("synthetic",),
    ("synthetic", "validate"),
    ("synthetic", "sweep"),
    ("synthetic", "merge"),
    ("synthetic", "train"),
]
HEAVY = {"torch", "diffusers", "transformers", "pandas", "pyarrow", "sklearn", "scipy", "numpy"}

SHOW_HELP = f"""
import sys
from t2i_audit.cli.main import main
main(["--help"])
print("heavy:", *sorted({HEAVY!r} & sys.modules.keys()))
"""

# A further command on the real program, to see how the program treats what a command raises.
WITH_COMMAND = """
import errno, os, sys, time
from pathlib import Path
from t2i_audit.cli.main import app, main
from t2i_audit.errors import ModelError

@app.command("try")
def command() -> None:
    {body}

sys.exit(main(["try"]))
"""


def python(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)


def run_body(body: str) -> subprocess.CompletedProcess[str]:
    return python(WITH_COMMAND.format(body=body))


def heavy_modules(code: str) -> list[str]:
    lines = python(code).stdout.splitlines()
    return lines[-1].removeprefix("heavy:").split()


def test_help_imports_no_heavy_library() -> None:
    assert heavy_modules(SHOW_HELP) == []


def test_the_check_notices_a_heavy_import() -> None:
    assert "pyarrow" in heavy_modules("import pyarrow\n" + SHOW_HELP)


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_has_help(
    command: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*command, "--help"]) == 0

    usage, _, body = capsys.readouterr().out.strip().partition("\n")
    assert usage.startswith(f"Usage: t2i-audit {' '.join(command)}")
    assert body.strip().split("\n")[0].strip()[0].isupper()


@pytest.mark.parametrize(
    "option",
    [
        "--suite",
        "--seeds",
        "--judge",
        "--out",
        "--batch-size",
        "--steps",
        "--guidance-scale",
        "--dtype",
        "--device",
        "--limit",
        "--no-denoiser-station",
        "--json",
    ],
)
def test_audit_offers_the_option(option: str, capsys: pytest.CaptureFixture[str]) -> None:
    main(["audit", "--help"])

    assert option in capsys.readouterr().out.split()


def test_no_arguments_show_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    assert "Commands:" in capsys.readouterr().out


def test_the_module_is_the_program() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "t2i_audit", "--version"], capture_output=True, text=True
    )

    assert (done.returncode, done.stdout.split()[0]) == (0, "t2i-audit")


SHOW_VERSION = SHOW_HELP.replace("--help", "--version")


def test_the_version_names_the_libraries_and_imports_none() -> None:
    done = python(SHOW_VERSION)

    first, *rest, heavy = done.stdout.splitlines()
    assert first == f"t2i-audit {t2i_audit.__version__}"
    assert rest[:2] == [
        f"{platform.python_implementation()} {platform.python_version()}",
        platform.platform(),
    ]
    found = dict(line.split() for line in rest[2:])
    assert found.keys() == set(LIBRARIES)
    assert found["torch"] == metadata.version("torch")
    assert heavy == "heavy:"


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["audit"], "Missing argument 'MODEL...'"),
        (["audit", "builtin:sound", "--processes", "2"], "--processes is for several models"),
        (["audit", "builtin:sound", "builtin:patchy"], "give --out DIR"),
        (["audit", "models.yaml", "-o", "a"], "models.yaml cannot be read: No such file"),
        (["audit", "a", "b", "-o", "c", "--processes", "0"], "--processes should be at least 1"),
        (["audit", "builtin:sound", "builtin:pachy", "-o", "a"], "Nearest: builtin:patchy"),
        (["audit", "builtin:sound", " ", "-o", "a"], "MODEL should not be empty"),
        (["audit", "builtin:sound", "--seeds", "0"], "--seeds should be at least 1, not 0"),
        (["audit", "builtin:sound", "--seeds", "few"], "'--seeds'"),
        (["audit", "builtin:sound", "--batch-size", "0"], "--batch-size should be at least 1"),
        (["audit", "builtin:sound", "--steps", "0"], "--steps should be at least 1"),
        (["audit", "builtin:sound", "--limit", "0"], "--limit should be at least 1"),
        (["audit", "builtin:sound", "--guidance-scale", "-1"], "--guidance-scale should be"),
        (["audit", "builtin:sound", "--guidance-scale", "nan"], "--guidance-scale should be"),
        (["audit", "builtin:sound", "--dtype", "int8"], "'--dtype'"),
        (["audit", "builtin:sound", "--device", "abacus"], "'--device'"),
        (["audit", "builtin:sound", "--judge", ""], "--judge should not be empty"),
        (["audit", ""], "MODEL should not be empty"),
        (["audit", "builtin:sound", "--random-weights", "0"], "--random-weights should be at"),
        (["plan"], "Missing argument 'SUITE'"),
        (["plan", "smoke", "--seeds", "0"], "--seeds should be at least 1, not 0"),
        (["plan", "smoke", "--repeatability", "2"], "--repeatability should be at most 1"),
        (["plan", "smoke", "--spread", "nan"], "--spread should be a finite number"),
        (["plan", "smoke", "--limit", "2", "--sample", "2"], "give one of the two"),
        (["plan", "smoke", "--seeds", "100000"], "make 6000000 images"),
        (["plan", "smokes"], "suite 'smokes' is neither a suite nor a file"),
        (["probe", "builtin:sound", "--limit", "-3"], "--limit should be at least 1, not -3"),
        (["audit", "builtin:sound", "--sedes", "2"], "--sedes"),
        (["audti"], "audti"),
        (["models"], "Missing command"),
        (["leaderboard", "runs/a"], "'--out'"),
        (["leaderboard", "-o", "a.csv"], "Missing argument"),
    ],
)
def test_bad_input_is_one_sentence_and_code_2(
    arguments: list[str],
    part: str,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)

    code = main(arguments)

    captured = capsys.readouterr()
    assert code == 2
    assert captured.out == ""
    assert captured.err.startswith("t2i-audit: ")
    assert captured.err.count("\n") == 1
    assert part in captured.err
    assert list(tmp_path.iterdir()) == []


def test_the_models_are_listed_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "list", "--json"]) == 0
    assert isinstance(json.loads(capsys.readouterr().out), list)


def test_the_models_are_listed_as_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "list"]) == 0
    assert capsys.readouterr().out.split()[:2] == ["model", "kind"]


def test_the_librarys_errors_are_one_sentence_without_a_traceback() -> None:
    done = run_body('raise ModelError("there is no\\nsuch model")')

    assert (done.returncode, done.stderr) == (2, "t2i-audit: there is no such model\n")


def test_a_full_disk_is_one_sentence() -> None:
    done = run_body('raise OSError(errno.ENOSPC, "No space left on device", "runs/a")')

    assert done.returncode == 2
    assert done.stderr == (
        "t2i-audit: the disk is full at runs/a; free some space and give the same command again\n"
    )


def test_short_memory_anywhere_is_one_sentence() -> None:
    done = run_body('import torch; raise torch.OutOfMemoryError("CUDA out of memory.")')

    assert done.returncode == 2
    assert done.stderr.startswith("t2i-audit: memory ran short;")
    assert done.stderr.count("\n") == 1


def test_a_missing_permission_is_one_sentence() -> None:
    done = run_body('raise PermissionError(errno.EACCES, "Permission denied", "/runs")')

    assert done.returncode == 2
    assert done.stderr.startswith("t2i-audit: permission is missing at /runs")
    assert done.stderr.count("\n") == 1


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
def test_a_really_full_device_is_told_as_such() -> None:
    done = run_body('Path("/dev/full").write_text("x")')

    assert (done.returncode, "disk is full" in done.stderr) == (2, True)


def test_a_fault_of_ours_keeps_its_traceback() -> None:
    done = run_body("raise ZeroDivisionError")

    assert (done.returncode, "Traceback" in done.stderr) == (1, True)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signal from outside")
def test_a_scheduler_that_ends_the_program_is_told_how_to_go_on_and_leaves_no_half_files(
    tmp_path: Path,
) -> None:
    """As a preempted job does: blocks that are left on the way clear up after themselves."""
    body = (
        "from t2i_audit.io import atomic_file; import signal\n"
        f"    with atomic_file(Path({str(tmp_path)!r}) / 'half') as half:\n"
        "        half.write_text('half')\n"
        "        os.kill(os.getpid(), signal.SIGTERM)\n"
        "        time.sleep(60)"
    )

    ended = run_body(body)

    assert ended.returncode == 143
    assert ended.stderr == (
        "t2i-audit: told to end (SIGTERM); give the same command again to resume where it stopped\n"
    )
    assert not list(tmp_path.iterdir())


def test_an_interrupt_says_how_to_go_on() -> None:
    code = WITH_COMMAND.format(body='print("ready", flush=True); time.sleep(60)')
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # Shells have their background jobs ignore the signal, and children inherit that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"

    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=300)

    assert process.returncode == 130
    assert err == "t2i-audit: interrupted; give the same command again to resume where it stopped\n"


def test_a_closed_pipe_is_no_fault() -> None:
    reading, writing = os.pipe()
    os.close(reading)

    done = subprocess.run(
        [sys.executable, "-m", "t2i_audit", "--help"],
        stdout=writing,
        stderr=subprocess.PIPE,
        text=True,
    )
    os.close(writing)

    assert "Traceback" not in done.stderr
