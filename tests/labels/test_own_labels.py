"""The program's own labels: what is read, what is left out and named, what is refused."""

from __future__ import annotations

import contextlib
import json
import re
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from t2i_audit.errors import LabelError
from t2i_audit.labels.read import read_labels
from tests.labels.reading import FIRST, IMAGES, PAIR, PROMPTS, SECOND, STAR, read

HEADER = "image,rater,correct\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "labels.csv"


def test_an_image_is_known_by_its_file_or_by_its_prompt_and_seed(file: Path) -> None:
    text = f"image,prompt_id,seed,rater,correct\n{FIRST},,,Ann,yes\n,{STAR.id},1,Ann,no\n"

    labels = read(file, text).labels

    assert [(each.prompt_id, each.seed, each.correct) for each in labels] == [
        (STAR.id, 0, True),
        (STAR.id, 1, False),
    ]


def test_a_column_named_like_a_slot_holds_its_answers(file: Path) -> None:
    text = "image,rater,object_1.colour,object_1.shape\n" + f"{FIRST},Ann,yes,cannot tell\n"

    (label,) = read(file, text).labels

    assert label.slots == {"object_1.colour": True, "object_1.shape": None}
    assert label.correct is None


@pytest.mark.parametrize(
    ("colour", "shape", "whole"), [("1", "1", True), ("1", "0", False), ("?", "1", None)]
)
def test_the_whole_follows_from_the_slots_where_it_is_not_given(
    colour: str, shape: str, whole: bool | None, file: Path
) -> None:
    text = f"image,rater,object_1.colour,object_1.shape\n{FIRST},Ann,{colour},{shape}\n"

    assert read(file, text).labels[0].correct is whole


@pytest.mark.parametrize(
    "encode",
    [
        lambda text: text.encode("utf-8-sig"),
        lambda text: text.encode("utf-16"),
        lambda text: text.replace(",", ";").encode(),
        lambda text: text.replace(",", "\t").replace("\n", "\r\n").encode(),
    ],
    ids=["mark", "utf-16", "semicolons", "tabs"],
)
def test_what_spreadsheets_write_is_read(encode: object, file: Path) -> None:
    text = f"{HEADER}{FIRST},Änn,yes\n{SECOND},Änn,no\n"

    labels = read(file, encode(text)).labels  # type: ignore[operator]

    assert [(each.rater, each.correct) for each in labels] == [("Änn", True), ("Änn", False)]


def test_json_lines_say_the_same(file: Path) -> None:
    rows = [
        {"image": FIRST, "rater": "Ann", "correct": True, "slots": {"object_1.colour": None}},
        {"prompt_id": PAIR.id, "seed": 1, "rater": "Ann", "correct": False, "weight": 2.5},
    ]

    first, second = read(file, "".join(json.dumps(row) + "\n" for row in rows)).labels

    assert (first.correct, first.slots) == (True, {"object_1.colour": None})
    assert (second.prompt_id, second.seed, second.weight) == (PAIR.id, 1, 2.5)


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("images/9.png,,,Bob,yes,", "the run has no such image"),
        (",nobody,0,Bob,yes,", "the run has no such prompt"),
        (f",{STAR.id},7,Bob,yes,", "the run has no such image"),
        (f",{STAR.id},-1,Bob,yes,", "its seed '-1' is no number of an image, counted from 0"),
        (f"{FIRST},{PAIR.id},,Bob,yes,", "its image is not of the prompt_id and seed beside it"),
        (f"{FIRST},,,Bob,7,", "'7' is no answer; give yes, no or cannot tell"),
        (f"{FIRST},,,Bob,,", "it has no answer"),
        (f"{FIRST},,,,yes,", "it names no rater"),
        (f"{FIRST},,,Bob,yes,yes", "its prompt has no slot 'relation'"),
        (f"{FIRST},,,Bob,yes,,more", "it has more cells than the header"),
    ],
)
def test_what_cannot_be_used_is_counted_and_named(row: str, reason: str, file: Path) -> None:
    text = f"image,prompt_id,seed,rater,correct,relation\n{row}\n{SECOND},,,Ann,no,\n"

    found = read(file, text)

    assert f"{file}: 1 left out: {reason} (line 2)." in found.notes
    assert (found.labels[-1].rater, found.labels[-1].seed) == ("Ann", 1)


def test_labels_of_another_runs_image_are_left_out(file: Path) -> None:
    """The same prompt and seed of another checkpoint are another image."""
    text = (
        f"prompt_id,seed,image_sha256,rater,correct\n{STAR.id},0,other,Ann,yes\n"
        f"{STAR.id},1,sha01,Ann,yes\n"
    )

    found = read(file, text)

    assert [each.seed for each in found.labels] == [1]
    assert "its SHA-256 differs" in found.notes[0]


def test_of_two_labels_by_one_rater_the_last_counts(file: Path) -> None:
    found = read(file, f"{HEADER}{FIRST},Ann,yes\n{FIRST},Bob,yes\n{FIRST},Ann,no\n")

    assert {each.rater: each.correct for each in found.labels} == {"Ann": False, "Bob": True}
    assert "1 left out: its rater judges the image again" in found.notes[0]


def test_labels_of_one_class_are_told(file: Path) -> None:
    found = read(file, f"{HEADER}{FIRST},Ann,yes\n{SECOND},Ann,yes\n")

    assert "every label says right" in found.notes[-1]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        ("\n \n", "is empty"),
        (HEADER, "has no rows"),
        ("image,correct\na,yes\n", "lacks the column 'rater'"),
        ("rater,correct\nAnn,yes\n", "lacks the column 'prompt_id'"),
        ("image,rater\na,Ann\n", "has no answers"),
        ("image,rater,rater,correct\na,b,c,yes\n", "two columns 'rater'"),
        (HEADER.encode() + b"a,\xe9,yes\n", "line 2 is not UTF-8 text; save the file as UTF-8"),
        (f"{HEADER}{FIRST},Ann,maybe\n", "not a row"),
        (f"{HEADER}images/9.png,Ann,yes\n", "has no label of the 4 images"),
        ('{"image": 1,\n', "line 1 is not JSON"),
        ("[1]", "item 1 is no JSON object"),
        ("Input.prompt_id,Answer\n1,2\n", "lacks the column 'rater'"),
    ],
)
def test_a_file_without_labels_is_refused_in_one_sentence(
    text: str | bytes, message: str, file: Path
) -> None:
    with pytest.raises(LabelError) as error:
        read(file, text)

    assert message in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("genevel:labels.csv", "did you mean geneval?"),
        ("evalmuse:", "names no file"),
        ("nothing.csv", "there is no file nothing.csv"),
        (" ", "should name a file"),
    ],
)
def test_a_format_or_file_that_is_none_is_refused(spec: str, message: str) -> None:
    with pytest.raises(LabelError, match=re.escape(message)):
        read_labels(spec, PROMPTS, IMAGES)


@settings(max_examples=30)
@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for format_ in ("", "geneval", "rapidata", "evalmuse", "skill-aligned"):
            with contextlib.suppress(LabelError):
                read(Path(folder) / "labels", data, format_)
