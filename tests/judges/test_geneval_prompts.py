"""What GenEval's rules look for in a prompt, and which prompts they cannot judge."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from prompts.formats.geneval import read_geneval
from prompts.structure import Constituent, Prompt
from prompts.suite import load_suite
from prompts.world import Content, write
from t2i_audit.judges.geneval_prompts import Request, request_of
from t2i_audit.judges.geneval_rules import Clause, Excluded
from t2i_audit.judges.geneval_words import WordTable

PEERS = Path(__file__).parents[2] / "../shared/peers/geneval"
# COCO's 80 names, as detectors on the hub have them.
COCO = """
person bicycle car motorcycle airplane bus train truck boat traffic_light fire_hydrant stop_sign
parking_meter bench bird cat dog horse sheep cow elephant bear zebra giraffe backpack umbrella
handbag tie suitcase frisbee skis snowboard sports_ball kite baseball_bat baseball_glove skateboard
surfboard tennis_racket bottle wine_glass cup fork knife spoon bowl banana apple sandwich orange
broccoli carrot hot_dog pizza donut cake chair couch potted_plant bed dining_table toilet tv laptop
mouse remote keyboard cell_phone microwave oven toaster sink refrigerator book clock vase scissors
teddy_bear hair_drier toothbrush
"""
NAMES = tuple(name.replace("_", " ") for name in COCO.split())


def same(word: str) -> str:
    return word


def test_objects_colours_and_the_relation_become_clauses_with_the_target_first() -> None:
    prompt = write(Content((("red", "star"), ("blue", "cross")), "above"))
    request = request_of(prompt, same)

    assert isinstance(request, Request)
    assert request.clauses == (
        Clause("cross", colour="blue"), Clause("star", colour="red", position=("above", 0)),
    )  # fmt: skip
    assert {slot.name: slot.clause for slot in request.slots} == {
        "object_2.shape": 0, "object_2.colour": 0, "object_1.shape": 1, "object_1.colour": 1,
        "relation": 1,
    }  # fmt: skip


def counting_prompt(number: str, noun: str) -> Prompt:
    text = f"a photo of {number} {noun}"
    start = len("a photo of ")
    return Prompt("1", text, "counting", "", (
        Constituent("object_1.count", "count", number, start, start + len(number), ("object_1",)),
        Constituent("object_1.object", "object", noun, text.index(noun), len(text), ("object_1",)),
    ))  # fmt: skip


def test_a_count_above_one_excludes_one_more() -> None:
    request = request_of(counting_prompt("three", "cups"), WordTable(NAMES).label_of)

    assert isinstance(request, Request)
    assert (request.clauses, request.excluded) == ((Clause("cup", 3),), (Excluded("cup", 4),))
    assert request.counting


@pytest.mark.parametrize(("change", "reason"), [
    (("texture", "woolly"), "GenEval's rules have no texture 'woolly'"),
    (("colour", "grey"), "GenEval's rules have no colour 'grey'"),
])  # fmt: skip
def test_what_the_rules_lack_is_named(change: tuple[str, str], reason: str) -> None:
    prompt = write(Content((("red", "star"),)))
    colour, shape = prompt.constituents

    assert request_of(
        replace(prompt, constituents=(replace(colour, kind=change[0], value=change[1]), shape)),
        same,
    ) == (reason)


def test_a_relation_that_is_not_spatial_is_named() -> None:
    prompt = write(Content((("red", "star"), ("blue", "cross")), "above"))
    parts = tuple(
        replace(part, kind="action", value="chasing") if part.slot == "relation" else part
        for part in prompt.constituents
    )

    reason = request_of(replace(prompt, constituents=parts), same)

    assert reason == "GenEval's rules have no action 'chasing'"


def test_a_word_without_a_class_is_named() -> None:
    reason = request_of(write(Content((("red", "star"),))), WordTable(("cup",)).label_of)

    assert reason == "the detector has no class for 'star'"


@pytest.mark.parametrize(("word", "label"), [
    ("television", "tv"), ("TVs", "tv"), ("sofa", "couch"), ("wine glasses", "wine glass"),
    ("knives", "knife"), ("skis", "skis"), ("scissors", "scissors"), ("buses", "bus"),
    ("computer mouse", "mouse"), ("fridge", "refrigerator"), ("woman", None), ("table", None),
])  # fmt: skip
def test_words_mean_the_class_of_coco_that_they_name(word: str, label: str | None) -> None:
    assert WordTable(NAMES).label_of(word) == label


def test_classes_that_are_none_are_never_meant() -> None:
    from t2i_audit.judges.geneval_words import named

    assert named(("cup", "N/A", "LABEL_7", "")) == ("cup",)


@pytest.mark.skipif(not PEERS.is_dir(), reason="needs ../shared")
def test_all_prompts_of_geneval_become_the_clauses_of_its_own_metadata() -> None:
    lines = (PEERS / "evaluation_metadata.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    drafts = list(read_geneval(lines, source="evaluation_metadata.jsonl"))
    assert len(rows) == 553

    for row, draft in zip(rows, drafts, strict=True):
        prompt = Prompt("1", draft.text, draft.type, "", tuple(draft.constituents))
        request = request_of(prompt, same)
        assert isinstance(request, Request), (row, request)
        assert [_row(clause) for clause in request.clauses] == row["include"]
        assert [vars(each) for each in request.excluded] == [
            {"name": each["class"], "count": each["count"]} for each in row.get("exclude", ())
        ]
        assert request.counting == (row["tag"] == "counting")


def _row(clause: Clause) -> dict[str, object]:
    return {
        "class": clause.name,
        "count": clause.count,
        **({"color": clause.colour} if clause.colour else {}),
        **({"position": list(clause.position)} if clause.position else {}),
    }


@pytest.mark.skipif(not PEERS.is_dir(), reason="needs ../shared")
def test_all_80_names_of_geneval_map_to_the_classes_of_coco() -> None:
    lines = (PEERS / "evaluation_metadata.jsonl").read_text(encoding="utf-8").splitlines()
    words = {clause["class"] for line in lines for clause in json.loads(line)["include"]}
    table = WordTable(NAMES).of(words)

    assert len(words) == 80
    assert set(table.values()) == set(NAMES)


@pytest.mark.parametrize("suite", ["world", "counting", "complex"])
def test_the_shipped_suites_are_judged_or_refused_with_a_reason(suite: str) -> None:
    requests = [request_of(prompt, same) for prompt in load_suite(suite).prompts]

    assert all(isinstance(each, Request) or each for each in requests)
    assert any(isinstance(each, Request) for each in requests)
