"""Labels of public sets, in small files of their shape; GenEval's in the files themselves."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from itertools import combinations
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from prompts.formats.geneval import read_geneval
from prompts.structure import Prompt
from t2i_audit.errors import LabelError
from t2i_audit.labels.geneval import COLUMNS
from t2i_audit.labels.label import ImageKey, Labels
from t2i_audit.labels.read import open_labels, read_labels
from tests.labels.reading import FIRST, IMAGES, PAIR, PROMPTS, STAR, read

PEERS = Path(__file__).parents[3] / "shared" / "peers" / "geneval"
released = pytest.mark.skipif(not PEERS.is_dir(), reason="GenEval's files are not here")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "labels"


def geneval_prompts(*rows: Mapping[str, object]) -> tuple[Prompt, ...]:
    drafts = read_geneval(map(json.dumps, rows), source="rows")
    return tuple(
        Prompt(str(row), draft.text, draft.type, "", draft.constituents)
        for row, draft in enumerate(drafts)
    )


ABOVE = {
    "tag": "position",
    "include": [
        {"class": "bus", "count": 1},
        {"class": "cat", "count": 1, "position": ["above", 0]},
    ],
    "prompt": "a photo of a cat above a bus",
}
CUPS = {
    "tag": "counting",
    "include": [{"class": "cup", "count": 2}],
    "exclude": [{"class": "cup", "count": 3}],
    "prompt": "a photo of two cups",
}
RED = {
    "tag": "colors",
    "include": [{"class": "cup", "count": 1, "color": "red"}],
    "prompt": "a photo of a red cup",
}


def answers(row: Mapping[str, object], **given: str) -> dict[str, str]:
    include = [clause["class"] for clause in row["include"]]  # type: ignore[attr-defined]
    names = {f"Input.object_{place}_name": name for place, name in enumerate(include)}
    cells = {f"Answer.task-{name.replace('_', '-')}": value for name, value in given.items()}
    common = {"Input.prompt_id": "0", "Input.image_id": "0", "Input.caption": str(row["prompt"])}
    return dict.fromkeys(COLUMNS, "") | common | names | cells


def geneval_labels(file: Path, row: Mapping[str, object], *rows: dict[str, str]) -> Labels:
    file.write_text("".join(json.dumps(each) + "\n" for each in rows), encoding="utf-8")
    return read_labels(f"geneval:{file}", geneval_prompts(row), [ImageKey("0", 0)])


@pytest.mark.parametrize(
    ("row", "given", "correct", "wrong"),
    [
        (ABOVE, {"count_0": "1", "count_1": "1.0", "position_y": "above"}, True, []),
        (ABOVE, {"count_0": "2", "count_1": "1.0", "position_y": "below"}, False, ["relation"]),
        (ABOVE, {"count_0": "1", "count_1": "0.0"}, False, ["relation", "object_1.object"]),
        (ABOVE, {"count_0": "1", "count_1": "1"}, None, []),
        (CUPS, {"count_0": "2"}, True, []),
        (CUPS, {"count_0": "3"}, False, ["object_1.count"]),
        (CUPS, {"count_0": "5"}, False, ["object_1.count"]),
        (RED, {"count_0": "2", "color_0": "white|red"}, True, []),
        (RED, {"count_0": "1", "color_0": "white"}, False, ["object_1.colour"]),
        (RED, {"count_0": "0"}, False, ["object_1.colour", "object_1.object"]),
        (RED, {"count_0": "1"}, None, []),
    ],
)
def test_answers_of_geneval_become_right_and_wrong_by_its_metadata(
    row: Mapping[str, object],
    given: dict[str, str],
    correct: bool | None,
    wrong: list[str],
    file: Path,
) -> None:
    (label,) = geneval_labels(file, row, answers(row, **given)).labels

    assert label.correct is correct
    assert sorted(slot for slot, right in label.slots.items() if right is False) == sorted(wrong)


def test_a_count_off_the_scale_leaves_the_row_out(file: Path) -> None:
    found = geneval_labels(
        file, RED, answers(RED, count_0="6"), answers(RED, count_0="1", color_0="red")
    )

    assert "1 left out: '6' is no count from 0 to 5 (line 1)" in found.notes[0]
    assert [label.rater for label in found.labels] == ["worker 2"]


@released
def test_the_released_annotations_are_read_as_they_are() -> None:
    """GenEval's authors report that raters agree on the verdict in about 88% of pairs."""
    prompts = geneval_prompts(
        *map(json.loads, (PEERS / "evaluation_metadata.jsonl").read_text().splitlines())
    )
    keys = [ImageKey(prompt.id, seed) for prompt in prompts for seed in range(4)]
    agreeing = pairs = 0
    for model, stray in (("clip", 0), ("sdv2", 0), ("if-xl", 4)):
        found = read_labels(f"geneval:{PEERS / f'annotations_{model}.csv'}", prompts, keys)
        raters = Counter((label.prompt_id, label.seed) for label in found.labels)
        assert len(raters) == 400
        assert set(raters.values()) == {5}
        assert any(f"{stray} left out: it is a stray row" in note for note in found.notes) == (
            stray > 0
        )
        by_image: dict[object, list[bool]] = {}
        for label in found.labels:
            if label.correct is not None:
                by_image.setdefault((label.prompt_id, label.seed), []).append(label.correct)
        for verdicts in by_image.values():
            agreeing += sum(one == other for one, other in combinations(verdicts, 2))
            pairs += len(verdicts) * (len(verdicts) - 1) // 2

    assert 0.85 < agreeing / pairs < 0.9


@released
def test_a_file_of_geneval_without_its_format_is_recognised() -> None:
    with pytest.raises(LabelError, match="give geneval:"):
        open_labels(str(PEERS / "annotations_clip.csv"))


def test_skill_aligned_answers_are_joined_by_image_and_rater(file: Path) -> None:
    rows = [
        {"image_id": FIRST, "generator": "g", "annotator_id": rater, "q_id": q,
         "question": question, "response": response}
        for rater, q, question, response in (
            ("annotator_01", "1", "Is there a star?", "yes"),
            ("annotator_01", "2", "Is the star red?", "no"),
            ("annotator_02", "1", "Is there a star?", "yes"),
            ("annotator_02", "2", "Is the star red?", "yes"),
            ("llm_judge", "1", "Is there a star?", "no"),
            ("annotator_02", "3", "Is it pretty?", "5"),
        )
    ]  # fmt: skip
    pq.write_table(pa.Table.from_pylist(rows), file)

    found = read_labels(f"skill-aligned:{file}", PROMPTS, IMAGES)

    assert {label.rater: (label.correct, label.slots) for label in found.labels} == {
        "annotator_01": (False, {"object_1.shape": True, "object_1.colour": False}),
        "annotator_02": (True, {"object_1.shape": True, "object_1.colour": True}),
    }
    assert any("the answer of a model, not of a person (row 5)" in note for note in found.notes)
    assert any("'5' is no answer" in note for note in found.notes)


@pytest.mark.parametrize(
    ("scores", "correct", "wrong"),
    [
        ([["star", 0.5], ["red", 2.0], ["[No_mistakes]", 1.0]], False, {"object_1.colour"}),
        ([["star", 0.5], ["red", 0.2], ["[No_mistakes]", 1.0]], True, set()),
        ({"red": 1.5}, False, {"object_1.colour"}),
    ],
)
def test_words_that_rapidatas_people_miss_make_their_slots_wrong(
    scores: object, correct: bool, wrong: set[str], file: Path
) -> None:
    row = {
        "image": {"bytes": b"", "path": None},
        "prompt": STAR.text,
        "word_scores": json.dumps(scores),
    }
    pq.write_table(pa.Table.from_pylist([row]), file)

    (label,) = read_labels(f"rapidata:{file}", PROMPTS, IMAGES).labels

    assert (label.correct, label.seed) == (correct, 0)
    assert {slot for slot, right in label.slots.items() if not right} == wrong


def test_rapidatas_scores_off_the_scale_are_left_out(file: Path) -> None:
    rows = [
        {"prompt": STAR.text, "word_scores": '[["red", -1]]'},
        {"prompt": PAIR.text, "word_scores": '[["red", 0]]'},
    ]

    found = read(file, "".join(json.dumps(row) + "\n" for row in rows), "rapidata")

    assert [label.prompt_id for label in found.labels] == [PAIR.id]
    assert "off the scale" in found.notes[0]


def test_every_rater_of_evalmuse_judges_every_element(file: Path) -> None:
    """`element_score` is the text of a Python object in the released file."""
    scores = {"red (color)": [1, 0], "star (object)": [1, 1], "sky (location)": [1, 1]}
    item = {
        "prompt": STAR.text,
        "img_path": FIRST,
        "total_score": [5, 3],
        "element_score": str(scores),
    }

    found = read(file, json.dumps([item]), "evalmuse")

    assert [(label.correct, label.slots) for label in found.labels] == [
        (True, {"object_1.colour": True, "object_1.shape": True}),
        (False, {"object_1.colour": False, "object_1.shape": True}),
    ]
    assert "element 'sky (location)' is about no single slot" in found.notes[0]


def test_evalmuses_text_is_never_run(file: Path) -> None:
    item = {"prompt": STAR.text, "img_path": FIRST, "element_score": "__import__('os').getcwd()"}

    with pytest.raises(LabelError, match="element_score is no object"):
        read(file, json.dumps([item]), "evalmuse")


def test_words_of_a_prompt_with_several_images_name_none_of_them(file: Path) -> None:
    rows = [{"prompt": STAR.text, "word_scores": '[["red", 0]]'}] * 2

    with pytest.raises(LabelError, match="no label of the 4 images"):
        read(file, "".join(json.dumps(row) + "\n" for row in rows), "rapidata")
