"""The built-in VQA judge: right on renders of the world, silent on everything else."""

from __future__ import annotations

import random
from dataclasses import replace

import numpy as np
import pytest

from prompts.structure import Prompt
from prompts.suite import load_suite
from prompts.world import Content, content_of, sample_prompt, write
from scripts.training.vqa_questions import answers
from t2i_audit.judges.load import load_judge, load_reader
from t2i_audit.judges.oracle import OracleJudge
from t2i_audit.judges.vqa import VqaJudge
from t2i_audit.judges.vqa_text import UNKNOWN
from t2i_audit.models.builtin import builtin_folder
from t2i_audit.world.oracle import read_images
from t2i_audit.world.render import render
from t2i_audit.world.scenes import place

RENDERS = 60


@pytest.fixture(scope="module")
def judge() -> VqaJudge:
    return VqaJudge.from_spec("vqa", device="cpu")


def relations(count: int, *, seed: int) -> list[Prompt]:
    rng = random.Random(seed)
    return [sample_prompt(rng, "relation") for _ in range(count)]


def drawn(contents: list[Content]) -> np.ndarray:
    rng = np.random.default_rng(0)
    return render([place(content, rng) for content in contents])


def agreement(judge: VqaJudge, images: np.ndarray, prompts: list[Prompt]) -> float:
    """Share of slots that the oracle judges alike."""
    pairs = zip(judge.judge(images, prompts), OracleJudge().judge(images, prompts), strict=True)
    return float(
        np.mean([own.slots[s] == true.slots[s] for own, true in pairs for s in true.slots])
    )


def test_slots_of_renders_are_judged_as_the_oracle_judges_them(judge: VqaJudge) -> None:
    prompts = relations(RENDERS, seed=1)

    assert agreement(judge, drawn([content_of(each) for each in prompts]), prompts) >= 0.9


def test_questions_on_other_scenes_are_answered_truly(judge: VqaJudge) -> None:
    """Held against each question's own truth: the oracle's slots match objects first."""
    prompts = relations(RENDERS, seed=2)
    images = drawn([content_of(each) for each in [*prompts[1:], prompts[0]]])
    truly = [
        own.slots[slot] == answered.answer
        for prompt, own, reading in zip(
            prompts, judge.judge(images, prompts), read_images(images), strict=True
        )
        for slot, answered in answers(prompt, reading)
        if slot
    ]

    assert np.mean(truly) >= 0.9


def test_an_object_that_is_missing_is_missed(judge: VqaJudge) -> None:
    prompts = relations(RENDERS, seed=3)
    images = drawn([Content(content_of(each).objects[:1]) for each in prompts])

    assert np.mean([each.correct for each in judge.judge(images, prompts)]) <= 0.1


def test_a_word_that_it_has_never_seen_is_known_beforehand() -> None:
    reader = load_reader("vqa:builtin:vqa-judge")
    (known,) = relations(1, seed=4)
    unknown = replace(known, id="2", text=known.text.replace("a ", "a fluffy ", 1))

    assert reader.scope([known, unknown]).unjudgeable == {"2": UNKNOWN}
    assert len(reader.scope(load_suite("smoke").prompts).unjudgeable) > 0


def test_the_whole_world_is_within_its_window(judge: VqaJudge) -> None:
    longest = write(
        Content((("purple", "triangle"), ("orange", "triangle")), "right of"),
        opening="a picture of ",
    )

    assert judge.scope([longest]).unjudgeable == {}


def test_both_names_are_the_same_judge(judge: VqaJudge) -> None:
    other = load_judge("vqa:builtin:vqa-judge", device="cpu")

    assert (other.name, dict(other.fingerprint)) == ("vqa", dict(judge.fingerprint))


def test_it_fits_in_eight_megabytes() -> None:
    files = builtin_folder("vqa-judge").rglob("*")

    assert sum(file.stat().st_size for file in files if file.is_file()) <= 8e6
