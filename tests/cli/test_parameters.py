"""Options come from the fields of the settings, and help lists them by group."""

from __future__ import annotations

import ast
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import pytest
import typer
from typer.testing import CliRunner

from t2i_audit.cli.main import app, main
from t2i_audit.cli.parameters import with_settings
from t2i_audit.cli.probe import OF_IMAGES
from t2i_audit.errors import AuditError
from t2i_audit.settings import (
    AuditSettings,
    JudgeSettings,
    MergeSettings,
    Option,
    PlanSettings,
    ProbeSettings,
    all_option_fields,
)
from t2i_audit.settings.option import check_options

COMMANDS: dict[str, type] = {
    "audit": AuditSettings,
    "probe": ProbeSettings,
    "judge": JudgeSettings,
    "merge": MergeSettings,
    "plan": PlanSettings,
}
PACKAGE = Path(__file__).parents[2] / "t2i_audit"


def every_command() -> Iterator[tuple[tuple[str, ...], Any]]:
    """The path of each command and group of the program, and the command itself."""

    def walk(path: tuple[str, ...], command: Any) -> Iterator[tuple[tuple[str, ...], Any]]:
        yield path, command
        for name, inner in getattr(command, "commands", {}).items():
            yield from walk((*path, name), inner)

    return walk((), typer.main.get_command(app))


def help_of(*command: str) -> str:
    """What a command's help is where no terminal shows it, at 80 columns."""
    done = subprocess.run(
        [sys.executable, "-m", "t2i_audit", *command, "--help"],
        env={**os.environ, "COLUMNS": "80"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def sections(text: str) -> dict[str, str]:
    """The sections of a help text by their headings."""
    parts = re.split(r"^(\S.*):$", text, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


@dataclass(frozen=True)
class Inner:
    tiles: Annotated[bool, Option("--tiles", "In tiles.", group="Memory")] = False


@dataclass(frozen=True)
class Outer:
    name: Annotated[str, Option("NAME", "Its name.")]
    rate: Annotated[float, Option("--rate", "Its rate.", at_least=0, at_most=1)] = 0.5
    words: Annotated[tuple[str, ...], Option("--word", "A word.", short="-w")] = ()
    inner: Inner = Inner()

    def __post_init__(self) -> None:
        check_options(self)


@pytest.fixture
def own_program() -> tuple[typer.Typer, list[Outer]]:
    """A program with one command, and the settings that the command received."""
    received: list[Outer] = []
    program = typer.Typer(rich_markup_mode=None)

    @program.command()
    @with_settings(Outer)
    def command(settings: Outer, loud: bool = False) -> None:
        received.append(settings)

    return program, received


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["a"], Outer("a")),
        (["a", "--rate", "0.25"], Outer("a", 0.25)),
        (["a", "-w", "x", "--word", "y"], Outer("a", words=("x", "y"))),
        (["a", "--tiles", "--loud"], Outer("a", inner=Inner(True))),
    ],
)
def test_a_field_with_an_option_is_an_option_of_the_command(
    arguments: list[str], expected: Outer, own_program: tuple[typer.Typer, list[Outer]]
) -> None:
    program, received = own_program

    done = CliRunner().invoke(program, arguments, catch_exceptions=False)

    assert done.exit_code == 0, done.output
    assert received == [expected]


@pytest.mark.parametrize(
    ("rate", "sentence"),
    [
        (-0.1, "--rate should be at least 0, not -0.1"),
        (1.5, "--rate should be at most 1, not 1.5"),
        (float("nan"), "--rate should be a finite number, not nan"),
    ],
)
def test_a_value_beyond_the_options_limits_is_refused_by_its_name(
    rate: float, sentence: str
) -> None:
    with pytest.raises(AuditError, match=re.escape(sentence)):
        Outer("a", rate)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_option_stands_in_the_section_of_its_group(command: str) -> None:
    found = sections(help_of(command))

    for each in all_option_fields(COMMANDS[command]):
        if each.name in OF_IMAGES and command == "probe":
            continue  # they concern what a probe does not run
        heading = "Arguments" if each.option.is_argument else f"{each.option.group} options"
        name = (
            (each.option.metavar or each.option.name)
            if each.option.is_argument
            else each.option.name
        )
        assert name in found[heading], (command, each.option.name)


@pytest.mark.parametrize("command", [(), ("audit",), ("probe",), ("judge",), ("leaderboard",)])
def test_help_without_a_terminal_is_plain_text_in_80_columns(command: tuple[str, ...]) -> None:
    text = help_of(*command)

    assert text.isascii()
    assert max(map(len, text.splitlines())) <= 80


def test_every_command_takes_h_for_help(capsys: pytest.CaptureFixture[str]) -> None:
    for path, _ in every_command():
        assert main([*path, "--help"]) == 0
        expected = capsys.readouterr().out
        assert main([*path, "-h"]) == 0
        assert capsys.readouterr().out == expected, path


def test_every_command_of_the_audit_takes_o_for_out() -> None:
    for path, command in every_command():
        if path[:1] in (("prompts",), ("synthetic",)):
            continue
        for parameter in command.params:
            if "--out" in parameter.opts:
                assert "-o" in parameter.opts, path


def test_the_completion_script_is_shown() -> None:
    # The shell is the one that the program is started from; two commands keep bash from leaving.
    program = f"{shlex.quote(sys.executable)} -m t2i_audit --show-completion; exit $?"
    done = subprocess.run(["bash", "-c", program], capture_output=True, text=True)

    assert done.returncode == 0, done.stderr
    assert "complete -o default -F _t2i_audit_completion t2i-audit" in done.stdout


def test_every_option_that_a_message_names_exists() -> None:
    known = {
        name
        for _, command in every_command()
        for each in command.params
        for name in (*each.opts, *each.secondary_opts)
    }
    # Of other programs: `pip install --group`, and Ray's own command line.
    known |= {"--help", "--group", "--head", "--address", "--skip-version-check"}
    named: dict[str, str] = {}
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                for option in re.findall(r"(?<![\w`-])--[a-z][a-z-]+", node.value):
                    named[option.rstrip("-")] = f"{path.name}:{node.lineno}"

    assert {option: place for option, place in named.items() if option not in known} == {}
