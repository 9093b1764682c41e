"""Every command and snippet of README and the manual, run page by page in an empty folder."""

from __future__ import annotations

import contextlib
import doctest
import io
import re
import shlex
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.exceptions import TyperException

from t2i_audit.cli.main import app, main
from tests.docs.pages import ROOT, Block, Command, blocks, commands, pages
from tests.slow import with_slow

LIKE_DOCTEST = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
CONSOLES = ("console", "bash")
# Everything before these words starts or schedules t2i-audit and is not parsed by it.
PROGRAM = "t2i-audit"
# Words that stand for what a user puts in their place.
PLACEHOLDERS = re.compile(r"\b(MODEL|OWNER|RUN|DIR|FILE)\b")


# Pages that take half a minute and more, README excepted. The examples of the API are run one by
# one, too.
LONG = {
    "docs/auditing.md", "docs/comparing.md", "docs/exporting.md", "docs/judges.md",
    "docs/judging-images.md", "docs/labelling.md", "docs/many-models.md",
    "docs/reading-results.md", "docs/reference/api.md", "docs/reference/run-directory.md",
    "docs/report.md", "docs/training.md",
}  # fmt: skip


def named(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.mark.parametrize("page", with_slow(pages(), lambda page: named(page) in LONG), ids=named)
def test_the_blocks_of_a_page_run_in_order(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {"__name__": "__main__"}
    for block in blocks(page):
        if "title" in block.options:
            (tmp_path / block.options["title"]).write_text(block.text, encoding="utf-8")
        elif block.language in CONSOLES:
            run_session(block)
        elif block.language == "python":
            run_python(block, names)


def run_session(block: Block) -> None:
    steps = commands(block)
    for number, command in enumerate(steps, start=1):
        if not block.runs:
            check_by_parsing(command.line, block)
            continue
        wanted = int(block.options.get("exit", "0")) if number == len(steps) else 0
        code, printed = run_command(command.line)
        assert code == wanted, f"{block.where}: {command.line!r} gave {code}:\n{printed}"
        if command.output.strip():
            assert_printed(command, printed, block)


def run_command(line: str) -> tuple[int, str]:
    """The exit code of `line` and what it printed; t2i-audit runs in this process, as it is
    imported once."""
    words = shlex.split(line, comments=True)
    if words[0] == PROGRAM and not set("|<>;&") & set(line):
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
            code = main(words[1:])
        return code, printed.getvalue()
    program = f"{shlex.quote(sys.executable)} -P -m t2i_audit"
    shell = f't2i-audit() {{ {program} "$@"; }}\nset -eo pipefail\n{line}'
    done = subprocess.run(["bash", "-c", shell], capture_output=True, text=True, timeout=300)
    return done.returncode, done.stdout + done.stderr


def assert_printed(command: Command, printed: str, block: Block) -> None:
    """Compare with what the page shows, in which ``...`` stands for anything."""
    checker = doctest.OutputChecker()
    example = doctest.Example(command.line, command.output)
    if not checker.check_output(command.output, printed, LIKE_DOCTEST):
        difference = checker.output_difference(example, printed, LIKE_DOCTEST)
        pytest.fail(f"{block.where}: {command.line}\n{difference}")


def run_python(block: Block, names: dict[str, Any]) -> None:
    code = compile(block.text, block.where, "exec") if ">>>" not in block.text else None
    if code is not None:
        if block.runs:
            with contextlib.redirect_stdout(io.StringIO()):
                exec(code, names)
        return
    examples = doctest.DocTestParser().get_doctest(block.text, names, block.where, None, block.line)
    runner = doctest.DocTestRunner(optionflags=LIKE_DOCTEST)
    report = io.StringIO()
    runner.run(examples, out=report.write, clear_globs=False)
    names.update(examples.globs)
    assert not runner.summarize(verbose=False).failed, report.getvalue()


def check_by_parsing(line: str, block: Block) -> None:
    """Hold a command that is not run to the program's own parser, or to what it names."""
    words = shlex.split(line, comments=True)
    if words[:1] == ["sbatch"]:
        inner = next(word for word in words if PROGRAM in word)
        words = shlex.split(inner.partition("=")[2] if inner.startswith("--wrap") else inner)
    if words[:1] == ["make"]:
        assert f"\n{words[1]}:" in (ROOT / "Makefile").read_text(), f"{block.where}: {line}"
    elif words[:2] == ["python", "-m"]:
        with monkeypatched_path():
            assert find_spec(words[2]) is not None, f"{block.where}: {line}"
    elif any(Path(word).name == PROGRAM for word in words):
        place = next(i for i, word in enumerate(words) if Path(word).name == PROGRAM)
        parse(words[place + 1 :], block)
    else:
        assert words[0] in ("git", "cd", "pip", "export", "OMP_NUM_THREADS=1"), block.where


@contextlib.contextmanager
def monkeypatched_path() -> Any:
    """The repository on the path, as for whoever works in it."""
    sys.path.insert(0, str(ROOT))
    try:
        yield
    finally:
        sys.path.remove(str(ROOT))


def parse(arguments: list[str], block: Block) -> None:
    """Parse `arguments` as the program does, and run nothing."""
    command: Any = typer.main.get_command(app)
    names = [PROGRAM]
    while hasattr(command, "commands") and arguments:
        child = command.get_command(typer.Context(command), arguments[0])
        if child is None:
            break
        command = child
        names.append(arguments.pop(0))
    if hasattr(command, "commands"):
        known = ("--help", "-h", "--version", "--install-completion")
        assert arguments and arguments[0] in known, f"{block.where}: no command {arguments}"
        return
    numbers = [re.sub(r"\$\w+|\{\w+\}", "1", word) for word in arguments]
    try:
        command.make_context(" ".join(names), numbers)
    except TyperException as err:
        pytest.fail(f"{block.where}: {' '.join(names + arguments)}: {err.format_message()}")


@pytest.mark.parametrize("page", pages(), ids=named)
def test_what_is_run_holds_no_placeholder(page: Path) -> None:
    """A block with a placeholder would otherwise fail for a reason that helps nobody."""
    for block in blocks(page):
        if block.language in CONSOLES and block.runs:
            for command in commands(block):
                assert not PLACEHOLDERS.search(command.line), f"{block.where}: mark it parse"


def test_a_wrong_option_would_be_noticed() -> None:
    block = Block(ROOT / "README.md", 1, "console", {"test": "parse"}, "")
    with pytest.raises(pytest.fail.Exception, match="--no-such-option"):
        parse(["audit", "MODEL", "--no-such-option"], block)


def test_a_wrong_output_would_be_noticed() -> None:
    block = Block(ROOT / "README.md", 1, "console", {}, "$ echo one\ntwo\n")
    with pytest.raises(pytest.fail.Exception, match="Expected"):
        run_session(block)
