"""GenEval's rules on boxes, against a second implementation and by hand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from t2i_audit.judges.geneval_rules import (
    Box,
    Clause,
    Excluded,
    Rules,
    decide,
    intersection_over_union,
    kept,
    positions,
)
from tests.judges.geneval_reference import reference_correct, reference_kept, reference_relations

CLASSES = ("cup", "dog", "tv")
# A coarse grid makes the boundaries of the rules frequent: equal centres, exact halves, thresholds.
edges = st.integers(0, 40).map(lambda value: value / 2)
scores = st.sampled_from((0.05, 0.3, 0.31, 0.5, 0.7, 0.9, 0.91, 0.99)) | st.floats(0, 1)


@st.composite
def boxes(draw: st.DrawFn, *, most: int = 6) -> list[Box]:
    """Boxes of one class; no two are equally confident, for which GenEval states no order."""
    confidences = draw(st.lists(scores, max_size=most, unique=True))
    found = []
    for confidence in confidences:
        x, y, width, height = (draw(edges) for _ in range(4))
        found.append(Box(x, y, x + width, y + height, confidence))
    return found


@st.composite
def metadata(draw: st.DrawFn) -> dict[str, Any]:
    """A row as GenEval's files hold it, with every part of a clause."""
    include: list[dict[str, Any]] = []
    for index in range(draw(st.integers(1, 3))):
        clause: dict[str, Any] = {
            "class": draw(st.sampled_from(CLASSES)), "count": draw(st.integers(1, 3)),
        }  # fmt: skip
        if draw(st.booleans()):
            clause["color"] = draw(st.sampled_from(("red", "blue")))
        if index and draw(st.booleans()):
            relation = draw(st.sampled_from(("left of", "right of", "above", "below")))
            clause["position"] = [relation, draw(st.integers(0, index - 1))]
        include.append(clause)
    row: dict[str, Any] = {
        "tag": draw(st.sampled_from(("counting", "position", "colors"))), "include": include,
    }  # fmt: skip
    if draw(st.booleans()):
        row["exclude"] = [
            {"class": draw(st.sampled_from(CLASSES)), "count": draw(st.integers(1, 4))}
        ]
    return row


def clauses_of(row: dict[str, Any]) -> tuple[Clause, ...]:
    return tuple(
        Clause(
            each["class"],
            each["count"],
            each.get("color", ""),
            (each["position"][0], each["position"][1]) if "position" in each else None,
        )
        for each in row["include"]
    )


def tint(name: str, left: float, top: float) -> str:
    """Any rule will do for the colour of a box, as long as both sides follow it."""
    return ("red", "red", "blue")[int(left * 2 + top * 2 + len(name)) % 3]


def rows_of(found: Sequence[Box]) -> np.ndarray:
    rows = [(b.left, b.top, b.right, b.bottom, b.confidence) for b in found]
    return np.array(rows, dtype=float).reshape(-1, 5)


@settings(max_examples=600, deadline=None)
@given(
    detected=st.fixed_dictionaries({}, optional={name: boxes() for name in CLASSES}),
    row=metadata(),
    overlap=st.sampled_from((1.0, 0.5, 0.2)),
)
def test_decisions_equal_a_second_implementation_from_the_description(
    detected: dict[str, list[Box]], row: dict[str, Any], overlap: float
) -> None:
    rules = Rules(overlap=overlap)
    counting = row["tag"] == "counting"
    objects = {n: kept(each, rules=rules, counting=counting) for n, each in detected.items()}
    ours = decide(
        objects,
        clauses_of(row),
        [Excluded(each["class"], each["count"]) for each in row.get("exclude", ())],
        colours_of=lambda name, found: [tint(name, box.left, box.top) for box in found],
        rules=rules,
    )

    theirs = reference_correct(
        {name: rows_of(each) for name, each in detected.items()},
        row,
        lambda name, box: tint(name, float(box[0]), float(box[1])),
        max_overlap=overlap,
    )

    assert ours.correct == theirs


@settings(max_examples=300, deadline=None)
@given(boxes(most=2), st.sampled_from(("counting", "colors")))
def test_relations_of_a_pair_equal_the_second_implementation(found: list[Box], tag: str) -> None:
    rows = rows_of(found)
    for one, first in zip(found, rows, strict=True):
        for other, second in zip(found, rows, strict=True):
            assert positions(one, other) == reference_relations(first, second)


@settings(max_examples=300, deadline=None)
@given(boxes(most=20), st.sampled_from((1.0, 0.5, 0.1)), st.booleans())
def test_kept_boxes_equal_the_second_implementation(
    found: list[Box], overlap: float, counting: bool
) -> None:
    ours = kept(found, rules=Rules(overlap=overlap), counting=counting)
    tag = "counting" if counting else "colors"

    theirs = reference_kept(rows_of(found), tag=tag, max_overlap=overlap)

    np.testing.assert_array_equal(rows_of(ours), theirs)


def box(left: float, top: float, *, size: float = 10, confidence: float = 0.95) -> Box:
    return Box(left, top, left + size, top + size, confidence)


def no_colours(name: str, found: Sequence[Box]) -> list[str]:
    raise AssertionError("no clause asks for a colour")


@pytest.mark.parametrize(("confidence", "counting", "counts"), [
    (0.3, False, False), (0.301, False, True), (0.9, True, False), (0.901, True, True),
])  # fmt: skip
def test_a_box_counts_only_above_the_threshold(
    confidence: float, counting: bool, counts: bool
) -> None:
    assert bool(kept([box(0, 0, confidence=confidence)], counting=counting)) is counts


def test_at_most_sixteen_boxes_of_a_class_are_kept() -> None:
    assert len(kept([box(i, 0, confidence=0.5 + i / 100) for i in range(20)])) == 16


def test_overlap_counts_the_last_pixel() -> None:
    # Sides of 11 pixels each; 1 x 11 pixels shared of 2 * 121 - 11.
    assert intersection_over_union(box(0, 0), box(10, 0)) == pytest.approx(11 / 231)


def test_an_offset_within_a_tenth_of_both_sizes_is_no_relation() -> None:
    # A tenth of 10 + 10 is 2 pixels.
    assert positions(box(2, 0), box(0, 0)) == frozenset()
    # 20 pixels less 2, over 20, is 0.9.
    assert positions(box(20, 0), box(0, 0)) == {"right of"}


def test_a_diagonal_offset_may_be_two_relations() -> None:
    # (30 - 2) / hypot(30, 30) is 0.66 on both axes.
    assert positions(box(0, 0), box(30, 30)) == {"left of", "above"}


def test_the_relation_must_hold_between_every_pair() -> None:
    objects = {"cup": [box(0, 0), box(60, 0)], "dog": [box(30, 0)]}
    clauses = [Clause("dog"), Clause("cup", 2, position=("left of", 0))]

    assert not decide(objects, clauses, colours_of=no_colours).correct


def test_a_clause_looks_only_at_its_most_confident_boxes() -> None:
    objects = {"cup": [box(0, 0, confidence=0.9), box(60, 0, confidence=0.5)], "dog": [box(30, 0)]}
    clauses = [Clause("dog"), Clause("cup", position=("left of", 0))]

    assert decide(objects, clauses, colours_of=no_colours).correct


def test_a_clause_whose_target_failed_fails() -> None:
    objects = {"cup": [box(0, 0)]}
    clauses = [Clause("dog"), Clause("cup", position=("left of", 0))]

    assert decide(objects, clauses, colours_of=no_colours).outcomes[1].placed is False


def test_too_many_of_an_excluded_class_make_the_image_wrong() -> None:
    objects = {"cup": [box(0, 0), box(30, 0), box(60, 0)]}

    decision = decide(objects, [Clause("cup", 2)], [Excluded("cup", 3)], colours_of=no_colours)

    assert decision.outcomes[0].holds
    assert not decision.correct
