"""The GenEval judge with the built-in detector, on images of the rendered world."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from prompts.structure import Prompt
from prompts.world import Content, content_of, sample_suite, write
from t2i_audit.errors import JudgeError, ModelError
from t2i_audit.judges.base import Judge, Judgement, require_readable
from t2i_audit.judges.geneval import GenEvalJudge, judgement_of
from t2i_audit.judges.geneval_prompts import Request, request_of
from t2i_audit.judges.geneval_rules import Box, Rules
from t2i_audit.judges.load import load_judge, load_reader
from t2i_audit.judges.oracle import OracleJudge
from t2i_audit.models import list_models, resolve_model
from t2i_audit.models.builtin import builtin_folder
from t2i_audit.world.render import render
from t2i_audit.world.scenes import Scene, place

STAR_ABOVE_CROSS = Content((("red", "star"), ("blue", "cross")), "above")


@pytest.fixture(scope="module")
def judge() -> Judge:
    return load_judge("geneval", device="cpu")


def drawn(*contents: Content, seed: int = 3) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return render([place(content, rng) for content in contents])


def slots(judged: Judgement) -> dict[str, bool | None]:
    return dict(judged.slots)


def test_a_faithful_image_is_right_in_every_slot(judge: Judge) -> None:
    (judged,) = judge.judge(drawn(STAR_ABOVE_CROSS), [write(STAR_ABOVE_CROSS)])

    assert judged.correct is True
    assert set(judged.slots.values()) == {True}
    assert 0 < judged.margin < 0.7


@pytest.mark.parametrize(("content", "wrong"), [
    (replace(STAR_ABOVE_CROSS, relation="below"), {"relation"}),
    (replace(STAR_ABOVE_CROSS, objects=(("green", "star"), ("blue", "cross"))),
     {"object_1.colour"}),
    (replace(STAR_ABOVE_CROSS, objects=(("blue", "star"), ("red", "cross"))),
     {"object_1.colour", "object_2.colour"}),
    (Content((("blue", "cross"),)), {"object_1.shape", "object_1.colour", "relation"}),
])  # fmt: skip
def test_what_is_wrong_in_the_image_is_wrong_in_its_slot(
    judge: Judge, content: Content, wrong: set[str]
) -> None:
    (judged,) = judge.judge(drawn(content), [write(STAR_ABOVE_CROSS)])

    assert judged.correct is False
    assert {slot for slot, right in judged.slots.items() if not right} == wrong


def test_it_agrees_with_the_oracle_on_renders_true_and_false(judge: Judge) -> None:
    prompts = sample_suite([("one_object", "seen", 10), ("relation", "held_out", 20)], seed=8)
    contents = [STAR_ABOVE_CROSS if i % 3 == 0 else None for i in range(len(prompts))]
    images = drawn(
        *(given or content_of(prompt) for given, prompt in zip(contents, prompts, strict=True))
    )
    ours, truth = judge.judge(images, prompts), OracleJudge().judge(images, prompts)

    agreed = [one.correct == other.correct for one, other in zip(ours, truth, strict=True)]
    assert sum(agreed) >= 28


def test_a_detector_that_finds_nothing_anywhere_is_refused_and_not_scored(judge: Judge) -> None:
    empty = render([Scene((), 230)] * 3)
    judged = judge.judge(empty, [write(STAR_ABOVE_CROSS)] * 3)

    assert not any(each.readable for each in judged)
    with pytest.raises(JudgeError, match="could not read any of the 3 images"):
        require_readable([each.readable for each in judged], judge=judge.name)


def test_an_empty_image_among_others_is_wrong(judge: Judge) -> None:
    images = np.concatenate([render([Scene((), 230)]), drawn(STAR_ABOVE_CROSS)])
    empty, full = judge.judge(images, [write(STAR_ABOVE_CROSS)] * 2)

    assert (empty.correct, empty.readable) == (False, False)
    assert full.correct
    require_readable([empty.readable, full.readable], judge=judge.name)


def test_prompts_with_a_word_that_the_detector_lacks_are_left_out_by_name(judge: Judge) -> None:
    good = write(STAR_ABOVE_CROSS)
    parts = tuple(replace(p, value="ring") if p.value == "star" else p for p in good.constituents)
    bad = replace(good, id="bad", constituents=parts)

    assert judge.scope([good, bad]).unjudgeable == {"bad": "the detector has no class for 'ring'"}
    with pytest.raises(JudgeError, match="no class for 'ring'"):
        judge.judge(drawn(STAR_ABOVE_CROSS), [bad])


def test_reader_and_judge_agree_on_name_and_scope(judge: Judge) -> None:
    reader = load_reader("geneval")
    prompts: Sequence[Prompt] = [write(STAR_ABOVE_CROSS)]

    assert (reader.name, reader.scope(prompts)) == (judge.name, judge.scope(prompts))


def test_the_fingerprint_states_thresholds_templates_and_weights(judge: Judge) -> None:
    known = judge.fingerprint

    assert (known["rule_threshold"], known["rule_counting_threshold"]) == ("0.3", "0.9")
    assert "a photo of a {colour}-colored {name}" in known["colour_templates"]
    assert len(known["weights_sha256"]) == len(known["colour_weights_sha256"]) == 64


def test_another_colour_model_is_another_judge() -> None:
    other = f"geneval:builtin:detector#local-dir:{builtin_folder('clip-judge')}"

    assert (
        load_judge(other, device="cpu").fingerprint["colour_weights_sha256"]
        != load_judge("geneval", device="cpu").fingerprint["colour_weights_sha256"]
    )


def test_slots_are_judged_each_by_its_own_and_the_prompt_as_a_whole() -> None:
    request = request_of(write(STAR_ABOVE_CROSS), lambda word: word)
    assert isinstance(request, Request)
    star, cross = Box(10, 0, 20, 10, 0.95), Box(10, 40, 20, 50, 0.8)

    judged = judgement_of(
        request,
        {"star": [star], "cross": [cross]},
        {star: "red", cross: "green"},
        rules=Rules(),
        readable=True,
    )

    # The cross has another colour, and by GenEval's rules a relation to it is not looked at.
    assert slots(judged) == {
        "object_1.shape": True, "object_1.colour": True, "object_2.shape": True,
        "object_2.colour": False, "relation": True,
    }  # fmt: skip
    assert judged.correct is False


def test_the_margin_is_how_far_the_weakest_box_is_above_the_threshold() -> None:
    request = request_of(write(STAR_ABOVE_CROSS), lambda word: word)
    assert isinstance(request, Request)
    star, cross = Box(10, 0, 20, 10, 0.95), Box(10, 40, 20, 50, 0.8)
    found, tints = {"star": [star], "cross": [cross]}, {star: "red", cross: "blue"}

    assert judgement_of(request, found, tints, rules=Rules(), readable=True).margin == (
        pytest.approx(0.8 - 0.3)
    )


def test_the_detector_is_listed_and_refused_as_a_model() -> None:
    (info,) = (each for each in list_models() if each.name == "builtin:detector")

    assert (info.kind, info.size < 7e6) == ("detector", True)
    with pytest.raises(ModelError, match="is a detector, not a generator; give it as --judge"):
        resolve_model("builtin:detector")


def test_it_is_a_judge_of_the_kind_geneval(judge: Judge) -> None:
    assert isinstance(judge, GenEvalJudge)
    assert judge.name == "geneval"
