"""The program started as a module and by launchers, in folders that hold modules of the user's."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from prompts.suite import dump_prompts
from prompts.world import Content, write

HOSTILE = "import sys\nprint('the user\\'s module runs')\nsys.exit(9)\n"
PROGRAM = Path(sys.executable).with_name("t2i-audit")
LAUNCHER = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, in which modules have the names of our packages."""
    for name in ("prompts.py", "synthetic.py"):
        (tmp_path / name).write_text(HOSTILE)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def python(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=600,
    )


def test_the_module_leaves_the_users_modules_alone(folder: Path) -> None:
    done = python("-m", "t2i_audit", "--version")

    assert (done.returncode, done.stdout.split()[0]) == (0, "t2i-audit"), done.stdout


@pytest.mark.parametrize("command", ["prompts", "synthetic"])
def test_commands_that_need_these_packages_find_their_own(command: str, folder: Path) -> None:
    done = python("-m", "t2i_audit", command, "--help")

    assert done.returncode == 0, done.stdout
    assert "the user's module runs" not in done.stdout


def test_a_launcher_leaves_the_users_modules_alone(folder: Path) -> None:
    done = python(*LAUNCHER, "-m", "t2i_audit", "--version")

    assert done.returncode == 0, done.stderr
    assert done.stdout.count("t2i-audit ") == 2


@pytest.mark.skipif(not PROGRAM.exists(), reason="the program is not installed beside python")
@pytest.mark.slow
def test_a_launcher_starts_the_program_itself(folder: Path) -> None:
    # Not even a t2i_audit.py of the user's is in the way then.
    (folder / "t2i_audit.py").write_text(HOSTILE)
    suite = folder / "suite.jsonl"
    parts = [("red", "circle"), ("blue", "star")]
    suite.write_text(dump_prompts(tuple(write(Content((part,))) for part in parts)))
    arguments = ["audit", "builtin:sound", "--suite", str(suite), "--out", "run"]
    few = ["--seeds", "2", "--steps", "1", "--batch-size", "2", "--no-denoiser-station"]

    done = python(*LAUNCHER, "--no-python", str(PROGRAM), *arguments, *few, "--device", "cpu")

    assert done.returncode == 0, done.stderr
    assert done.stdout.count("Run directory: ") == 1
    assert (folder / "run" / "summary.json").exists()
