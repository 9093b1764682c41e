"""The judge by labels, on a run whose images were labelled."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Sequence
from pathlib import Path

import pytest

import t2i_audit as t2i
from t2i_audit.cli.main import main
from t2i_audit.judges.human import judgement_of
from t2i_audit.judges.load import load_judge
from t2i_audit.judges.scope import CANNOT_TELL, NO_LABEL, SPLIT
from t2i_audit.labels.label import Label

Cells = Sequence[object]


def table(path: Path, columns: Sequence[str], rows: Sequence[Cells]) -> Path:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([columns, *rows])
    path.write_text(text.getvalue(), encoding="utf-8")
    return path


def label(correct: bool | None, colour: bool | None = None) -> Label:
    return Label("p", 0, "rater", correct, {"colour": colour})


@pytest.mark.parametrize(
    ("answers", "correct", "share", "flaw"),
    [
        ([True, True, False], True, 2 / 3, ""),
        ([True, False, False, None], False, 1 / 3, ""),
        ([True, False], None, 0.5, SPLIT),
        ([None, None], None, math.nan, CANNOT_TELL),
        ([], None, math.nan, NO_LABEL),
    ],
)
def test_the_majority_of_the_raters_decides(
    answers: list[bool | None], correct: bool | None, share: float, flaw: str
) -> None:
    verdict = judgement_of([label(answer) for answer in answers])

    assert (verdict.correct, verdict.flaw) == (correct, flaw)
    assert verdict.probability == pytest.approx(share, nan_ok=True)
    assert verdict.margin == pytest.approx(2 * share - 1, nan_ok=True)


def test_a_slot_is_undecided_where_raters_are_split() -> None:
    verdict = judgement_of([label(True, True), label(True, False)])

    assert verdict.slots == {"colour": None}
    assert verdict.correct is True


def test_the_fingerprint_follows_the_files_bytes(tmp_path: Path) -> None:
    path = table(tmp_path / "labels.csv", ["image", "rater", "correct"], [["a", "Ann", "yes"]])
    before = load_judge(f"human:{path}", device="cpu").fingerprint
    table(path, ["image", "rater", "correct"], [["a", "Ann", "no"]])

    assert load_judge(f"human:{path}", device="cpu").fingerprint != before


def test_a_run_is_judged_by_its_labels(run: Path, tmp_path: Path) -> None:
    """The oracle's verdicts are written down as labels: the same rate, the same slots."""
    judged = t2i.load_run(run).table("judgements").to_dict("records")
    slots = list(judged[0]["slots"])
    rows = [
        [row["image"], row["image_sha256"], "Ann", row["correct"], *row["slots"].values()]
        for row in judged
    ]
    columns = ["image", "image_sha256", "rater", "correct", *slots]
    path = table(tmp_path / "labels.csv", columns, rows)

    again = t2i.judge(run, f"human:{path}", out=tmp_path / "again")

    own = again.table("judgements").to_dict("records")
    assert [(row["correct"], row["slots"]) for row in own] == [
        (row["correct"], row["slots"]) for row in judged
    ]
    assert {row["judge"] for row in own} == {"human:labels.csv"}


def test_images_without_a_label_are_undecided_and_counted(run: Path, tmp_path: Path) -> None:
    judged = t2i.load_run(run).table("judgements").to_dict("records")
    first, second = judged[0]["prompt_id"], judged[-1]["prompt_id"]
    rows: list[Cells] = [
        [first, 0, "Ann", "yes"],
        [first, 1, "Ann", "yes"],
        [first, 1, "Bob", "no"],
        [second, 0, "Ann", "no"],
        ["nobody", 0, "Ann", "no"],
    ]
    path = table(tmp_path / "labels.csv", ["prompt_id", "seed", "rater", "correct"], rows)

    again = t2i.judge(run, f"human:{path}", out=tmp_path / "again")

    flaws = again.table("judgements")["flaw"].tolist()
    assert sorted(flaw for flaw in flaws if isinstance(flaw, str)) == [SPLIT, *[NO_LABEL] * 5]
    assert again.summary.success is not None
    assert again.summary.success.overall.n == 2
    notes = " ".join(again.summary.notes)
    assert "cannot judge 2 of 4 prompts: no label" in notes
    assert "1 of 8 images are undecided, neither right nor wrong: no label" in notes
    assert f"1 of 8 images are undecided, neither right nor wrong: {SPLIT}" in notes
    assert "1 left out: the run has no such prompt (line 6)" in notes


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("prompt_id,rater,correct\nnobody,Ann,yes\n", "can judge none of the 4 prompts: no label"),
        ("image,rater,correct\nimages/9.png,Ann,yes\n", "has no label of any of the 8 images"),
        ("", "is empty"),
    ],
)
def test_labels_of_nothing_in_the_run_are_refused(
    text: str, message: str, run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "labels.csv"
    path.write_text(text)

    code = main(["judge", str(run), "--judge", f"human:{path}", "-o", str(tmp_path / "again")])

    assert code == 2
    assert message in capsys.readouterr().err
