"""What the denoiser uses, as the terminal and the files show it."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import pytest

from t2i_audit.errors import RunDirectoryError
from t2i_audit.report.tables import console
from t2i_audit.report.terminal import print_summary
from t2i_audit.report.use import print_use, use_sentence
from t2i_audit.results.summary import read_summary
from t2i_audit.results.use import USE, read_use, write_use
from tests.report.made_use import culprit, made_use

SUMMARIES = Path(__file__).parent / "summaries"


def printed(width: int = 100) -> list[str]:
    out = io.StringIO()
    print_use(made_use(), to=console(file=out, width=width))
    return out.getvalue().splitlines()


def test_every_slot_has_one_line_of_a_hundred_letters_with_its_verdict() -> None:
    lines = printed()
    start = next(row for row, line in enumerate(lines) if line.startswith("What the denoiser uses"))
    table = [line.rstrip() for line in lines[start + 2 : start + 6]]

    assert [line.split()[0] for line in table] == [
        "object_1.colour", "object_1.shape", "relation", "object_2.shape",
    ]  # fmt: skip
    verdicts = [line.rpartition("]")[2].strip() for line in table]
    assert verdicts == ["used", "used", "not used", "unclear"]
    assert all(" 200 " in line and line.count("[") == 2 for line in table)
    assert max(map(len, lines)) <= 100


def test_each_culprit_has_one_line_and_a_disagreement_is_said() -> None:
    lines = [line.rstrip() for line in printed()]
    start = lines.index("Who is to blame, slot by slot")

    assert [line.split()[0] for line in lines[start + 2 : start + 6]] == [
        "object_1.colour", "object_1.shape", "relation", "object_2.shape",
    ]  # fmt: skip
    said = " ".join(lines)
    assert "object_2.shape: the figures say so" in said
    assert (
        "relation: without interventions the culprit would be text encoder, by intervention it is "
        "denoiser ignores it" in said
    )
    assert "Erasing object_2.shape takes 0.30 [0.27, 0.33] of object_1.shape as well" in said


def test_the_sentence_names_the_culprits_by_intervention() -> None:
    assert use_sentence(made_use()) == (
        "By intervention: the denoiser ignores relation; the denoiser uses, but fails to draw, "
        "object_1.colour (most where blue or orange is named); who spoils object_2.shape is "
        "unclear."
    )


def test_nobody_is_to_blame_where_every_slot_is_drawn_right() -> None:
    found = replace(made_use(), culprits=(culprit("relation", "none"),))

    assert use_sentence(found) == (
        "By intervention nobody is to blame: every slot is wrong in 10% of the images or fewer."
    )


def test_the_summary_of_an_audit_shows_use(tmp_path: Path) -> None:
    out = io.StringIO()
    summary = read_summary(SUMMARIES / "patchy.json")
    print_summary(summary, tmp_path, use=made_use(), to=console(file=out, width=100))
    text = out.getvalue()

    assert "By intervention: the denoiser ignores relation" in text
    assert "What the denoiser uses of what it is given" in text and "Note: one note" in text


def test_a_use_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    write_use(tmp_path, made_use())

    # NaN, which JSON has not, is no figure of this one.
    assert read_use(tmp_path) == made_use()
    assert read_use(tmp_path / "elsewhere") is None


@pytest.mark.parametrize("text", ["", "{}", "[1]", '{"model": 3}'])
def test_a_damaged_use_is_refused_in_a_sentence(tmp_path: Path, text: str) -> None:
    (tmp_path / USE).write_text(text)

    with pytest.raises(RunDirectoryError, match=r"does not hold what t2i-audit use writes"):
        read_use(tmp_path)
