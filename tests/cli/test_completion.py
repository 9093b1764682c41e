"""What the shells are offered, asked as their own scripts ask."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from t2i_audit.cli.bash import joined

PROGRAM = "import sys; from t2i_audit.cli.main import main; sys.exit(main())"


def asked(code: str, folder: Path | None = None, **variables: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **variables},
        cwd=folder,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def in_bash(*words: str, folder: Path | None = None, code: str = PROGRAM) -> list[str]:
    """What bash, which has split the line into `words`, is offered for the last."""
    offered = asked(
        code,
        folder,
        _T2I_AUDIT_COMPLETE="complete_bash",
        COMP_WORDS="\n".join(words),
        COMP_CWORD=str(len(words) - 1),
    )
    return [word for word in offered.split("\n") if word]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["ju"], ["judge"]),
        (["audit", "--neg"], ["--negative-prompt"]),
        (["audit", "--offload", "seq"], ["sequential"]),
        (["audit", "--suite", "world-sm"], ["world-smoke"]),
        (["audit", "--suite", "=", "world-sm"], ["world-smoke"]),
        (["audit", "m", "--judge", "clip,orac"], ["clip,oracle"]),
        (["export", "run", "--to", "mod"], ["model-index"]),
        (["prompts", "check", "world-sm"], ["world-smoke"]),
        # bash takes the colon for a word of its own, and replaces what follows it.
        (["audit", "builtin", ":", "pat"], ["patchy"]),
        (
            ["doctor", "builtin", ":"],
            [
                *("bag-of-words", "early", "fading", "merging-vae", "misbinding", "miscounting"),
                *("patchy", "sound"),
            ],
        ),
        (["judge", "images", "--probe", "=", "builtin", ":", "pat"], ["patchy"]),
    ],
    ids=" ".join,
)
def test_bash_completes(words: list[str], expected: list[str]) -> None:
    assert in_bash("t2i-audit", *words) == expected


def test_zsh_completes() -> None:
    offered = asked(
        PROGRAM,
        _T2I_AUDIT_COMPLETE="complete_zsh",
        _TYPER_COMPLETE_ARGS="t2i-audit audit builtin:pat",
    )

    assert '"builtin\\\\:patchy"' in offered


def test_fish_completes() -> None:
    offered = asked(
        PROGRAM,
        _T2I_AUDIT_COMPLETE="complete_fish",
        _TYPER_COMPLETE_FISH_ACTION="get-args",
        _TYPER_COMPLETE_ARGS="t2i-audit audit builtin:pat",
    )

    assert offered.split() == ["builtin:patchy"]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_of_a_shell_is_printed(shell: str) -> None:
    script = asked(PROGRAM, _T2I_AUDIT_COMPLETE=f"source_{shell}")

    assert f"complete_{shell}" in script and "t2i-audit" in script


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with two runs in ``runs``, one beside it, and folders that are none."""
    for name in ("runs/first", "runs/second", "runs/a b", "alone", "elsewhere/deep/er"):
        (tmp_path / name).mkdir(parents=True)
    for name in ("runs/first", "runs/second", "runs/a b", "alone"):
        (tmp_path / name / "manifest.json").write_text(json.dumps({}))
    return tmp_path


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["export", ""], ["alone", "runs/first", "runs/second"]),
        (["judge", "runs/f"], ["runs/first"]),
        (["leaderboard", "runs/first", "ru"], ["runs/first", "runs/second"]),
        (["label", "else"], []),
        (["label", "no/such/pla"], []),
    ],
    ids=" ".join,
)
def test_run_directories_are_offered_and_other_folders_are_not(
    words: list[str], expected: list[str], folder: Path
) -> None:
    assert in_bash("t2i-audit", *words, folder=folder) == expected


def test_nothing_heavy_is_imported_to_complete() -> None:
    heavy = {"torch", "diffusers", "transformers", "pandas", "pyarrow", "numpy", "datasets"}
    code = (
        "import sys\nfrom t2i_audit.cli.main import main\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        f"print('heavy:', *sorted({heavy!r} & sys.modules.keys()))"
    )

    for words in (["audit", "b"], ["audit", "m", "--judge", "c"], ["export", ""]):
        assert in_bash("t2i-audit", *words, code=code)[-1] == "heavy:"


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["p", "a"], (["p", "a"], "")),
        (["p", ":"], (["p:"], "p:")),
        (["p", "a", ":", "b", ":", "c"], (["p", "a:b:c"], "a:b:")),
        (["p", "--judge", "=", "a", ":", "b"], (["p", "--judge=a:b"], "a:")),
        (["p", "--judge", "="], (["p", "--judge="], "")),
        (["p", "a", ":", "b", "c"], (["p", "a:b", "c"], "")),
    ],
)
def test_words_that_bash_has_split_are_joined(
    words: list[str], expected: tuple[list[str], str]
) -> None:
    assert joined(words, len(words) - 1) == expected
