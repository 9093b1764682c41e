"""Where CLIP is the only judge of what it hardly tells apart, that is said."""

from __future__ import annotations

import pytest

from prompts.suite import load_suite
from t2i_audit.judges.weak_kinds import (
    BINDING,
    COUNTS,
    NEGATION,
    RELATIONS,
    weak_kinds,
    weakness_note,
)

CLIP = "clip:ViT-B-32/laion2b_s34b_b79k"


@pytest.mark.parametrize(
    ("suite", "type_", "kinds"),
    [
        ("attributes", "one_colour", set()),
        ("attributes", "colours", {BINDING}),
        ("counting", "count", {COUNTS}),
        ("counting", "coloured_count", {COUNTS}),
        ("relations", "plane", {BINDING, RELATIONS}),
        ("relations", "action", {RELATIONS}),
        ("world-relations", "relation", {BINDING, RELATIONS}),
    ],
)
def test_the_kinds_that_a_suite_asks_for_are_found(suite: str, type_: str, kinds: set[str]) -> None:
    prompts = [prompt for prompt in load_suite(suite).prompts if prompt.type == type_]

    assert prompts
    assert set(weak_kinds([CLIP], prompts)) == kinds


def test_absence_is_negation() -> None:
    prompts = [prompt for prompt in load_suite("relations").prompts if " without " in prompt.text]

    assert NEGATION in weak_kinds([CLIP], prompts)


@pytest.mark.parametrize("judges", [["oracle"], ["clip"], [CLIP, "vqa:some/model"], []])
def test_nothing_is_said_of_other_judges_or_beside_them(judges: list[str]) -> None:
    assert weak_kinds(judges, load_suite("world-relations").prompts) == ()


def test_the_note_names_the_kinds_and_where_it_was_measured() -> None:
    note = weakness_note(CLIP, (BINDING, RELATIONS))

    assert note.startswith(f"{CLIP} is the only judge of {BINDING} and of {RELATIONS}")
    assert "Winoground" in note and "SugarCrepe" in note and "CountBench" not in note
