"""Progress of a stage where no terminal is at hand."""

from __future__ import annotations

import io

import pytest

from t2i_audit.reporter import TerminalReporter, plain_line


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
