"""Notes and progress: on a terminal, without one, and kept for the caller."""

from __future__ import annotations

import ast
import io
from pathlib import Path

import pytest

from t2i_audit.reporter import (
    SILENT,
    CollectingReporter,
    NamedReporter,
    NotesReporter,
    Reporter,
    TerminalReporter,
    plain_line,
    side_by_side,
)


class Terminal(io.StringIO):
    """Text that calls itself a terminal."""

    def isatty(self) -> bool:
        return True


def test_a_line_tells_the_rate_and_the_time_left() -> None:
    # 30 in 10 s are 3 a second; the 270 left take 90 s.
    expected = "images: 130/400, 3/s, about 1 min 30 s left"

    assert plain_line("images", 130, 400, 30, 10.0) == expected


def test_what_an_earlier_run_did_is_no_part_of_the_rate() -> None:
    stream = io.StringIO()

    with TerminalReporter(stream).stage("images", 10, done=10):
        pass

    assert stream.getvalue() == "images: 10/10\n"


def test_every_stage_ends_with_a_line() -> None:
    stream = io.StringIO()

    with TerminalReporter(stream).stage("images", 2) as advance:
        advance()
        advance()

    assert stream.getvalue().startswith("images: 2/2, ")
    assert stream.getvalue().count("\n") == 1


def test_a_line_is_written_at_every_interval() -> None:
    stream = io.StringIO()

    with TerminalReporter(stream, interval=0.0).stage("images", 3) as advance:
        for _ in range(3):
            advance()

    assert [line.split(",")[0] for line in stream.getvalue().splitlines()] == [
        "images: 1/3",
        "images: 2/3",
        "images: 3/3",
    ]


def test_a_stage_that_fails_still_says_how_far_it_came() -> None:
    stream = io.StringIO()

    with pytest.raises(RuntimeError), TerminalReporter(stream).stage("images", 3) as advance:
        advance()
        raise RuntimeError

    assert stream.getvalue().startswith("images: 1/3")


def test_a_terminal_gets_a_bar_with_its_count() -> None:
    stream = Terminal()

    with TerminalReporter(stream).stage("images", 2) as advance:
        advance(2)

    assert "2/2" in stream.getvalue()


def test_stages_at_the_same_time_have_a_line_each_with_their_names() -> None:
    stream = Terminal()

    with side_by_side(TerminalReporter(stream)) as shared:
        first, second = NamedReporter(shared, "sound"), NamedReporter(shared, "patchy")
        with first.stage("images", 3) as one, second.stage("images", 5) as two:
            one(3)
            two(4)
        first.note("a \x1b[2Jnote [/b]")

    shown = stream.getvalue()
    assert "sound: images" in shown and "patchy: images" in shown
    assert "3/3" in shown and "4/5" in shown
    assert "t2i-audit: sound: a \\x1b[2Jnote [/b]" in shown


def test_without_a_terminal_they_have_lines_as_ever() -> None:
    stream = io.StringIO()

    with (
        side_by_side(TerminalReporter(stream)) as shared,
        NamedReporter(shared, "sound").stage("images", 3) as advance,
    ):
        advance(3)

    assert stream.getvalue().startswith("sound: images: 3/3")


def test_a_note_is_one_line_that_names_the_program() -> None:
    stream = io.StringIO()

    TerminalReporter(stream).note("a prompt\nof two lines")

    assert stream.getvalue() == "t2i-audit: a prompt\\nof two lines\n"


def run_with(reporter: Reporter) -> None:
    reporter.note("a file is damaged")
    with reporter.stage("images", 3, done=1) as advance:
        advance(2)


def test_the_silent_reporter_writes_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    run_with(SILENT)

    assert capsys.readouterr() == ("", "")


def test_what_is_reported_can_be_collected() -> None:
    reporter = CollectingReporter()

    run_with(reporter)

    assert reporter.notes == ["a file is damaged"]
    assert (reporter.stages, reporter.counts) == (["images"], {"images": 3})


def test_a_process_that_shows_no_progress_passes_notes_on() -> None:
    inner = CollectingReporter()

    run_with(NotesReporter(inner))

    assert (inner.notes, inner.stages) == (["a file is damaged"], [])


PACKAGE = Path(__file__).parents[2] / "t2i_audit"
# The command line, the reporter, and the reports on a finished run that the command line prints.
PRINTS = ("cli", "report", "reporter.py", "printable.py")


def printing_lines(path: Path) -> list[int]:
    """The lines on which a module prints or uses the standard streams."""
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Name) and node.id in ("print", "print_line"):
            found.append(node.lineno)
        # The streams of a child process are not ours.
        if isinstance(node, ast.Attribute) and ast.unparse(node) in ("sys.stdout", "sys.stderr"):
            found.append(node.lineno)
    return found


def test_nothing_below_the_command_line_prints() -> None:
    modules = [
        path for path in PACKAGE.rglob("*.py") if path.relative_to(PACKAGE).parts[0] not in PRINTS
    ]

    assert {str(path): printing_lines(path) for path in modules if printing_lines(path)} == {}


def test_the_check_notices_a_print(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("import sys\nprint(1)\nsys.stderr.write('a')\n")

    assert printing_lines(tmp_path / "a.py") == [2, 3]
