"""Blind baselines: what a judge scores without the image that it should judge."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prompts.structure import Prompt
from prompts.world import content_of, sample_prompt
from t2i_audit.judges.base import Judgement
from t2i_audit.judges.blind import (
    judge_blank,
    judge_shuffled,
    judge_text_only,
    others,
    sample_of,
)
from t2i_audit.judges.clip import ClipJudge
from t2i_audit.judges.oracle import OracleJudge
from t2i_audit.judges.room import Room
from t2i_audit.judges.scope import Scope
from t2i_audit.reporter import SILENT
from t2i_audit.world.render import render
from t2i_audit.world.scenes import place

ROOM = Room(Path("/nowhere"), 8, SILENT)


class Believer:
    """Calls every image right: all that it scores it owes to no image."""

    name = "believer"
    window: int | None = None
    advice = ""
    fingerprint: Mapping[str, str] = {"judge": "believer"}

    def move_to(self, device: str) -> None:
        pass

    def scope(self, prompts: Sequence[Prompt]) -> Scope:
        return Scope({})

    def judge(self, images: np.ndarray, prompts: Sequence[Prompt]) -> list[Judgement]:
        return [Judgement(True, 1.0, "yes", True, {"object_1.colour": True}) for _ in prompts]


@pytest.fixture(scope="module")
def drawn() -> tuple[list[Prompt], np.ndarray]:
    rng = random.Random(3)
    prompts = [sample_prompt(rng, "relation") for _ in range(40)]
    placed = np.random.default_rng(0)
    return prompts, render([place(content_of(prompt), placed) for prompt in prompts])


def test_a_judge_that_believes_every_prompt_is_right_without_any_image(
    drawn: tuple[list[Prompt], np.ndarray],
) -> None:
    prompts, images = drawn

    shuffled = judge_shuffled(Believer(), prompts, images.__getitem__, room=ROOM, seed=0)
    blank = judge_blank(Believer(), prompts, images.__getitem__, room=ROOM)

    assert all(each is not None and each.correct for each in shuffled)
    assert all(each.correct for each in blank)
    assert judge_text_only(Believer(), prompts, images.__getitem__, room=ROOM) is None


@pytest.mark.parametrize("name", ["oracle", "clip"])
def test_a_judge_that_looks_is_right_about_its_own_images_alone(
    name: str, drawn: tuple[list[Prompt], np.ndarray]
) -> None:
    prompts, images = drawn
    judge = OracleJudge() if name == "oracle" else ClipJudge.from_spec("clip", device="cpu")

    seen = judge.judge(images, prompts)
    shuffled = judge_shuffled(judge, prompts, images.__getitem__, room=ROOM, seed=0)
    blank = judge_blank(judge, prompts, images.__getitem__, room=ROOM)
    alone = judge_text_only(judge, prompts, images.__getitem__, room=ROOM)

    assert sum(bool(each.correct) for each in seen) >= 30
    assert sum(bool(each and each.correct) for each in shuffled) <= 2
    assert sum(bool(each.correct) for each in blank) <= 2
    assert alone is None or sum(bool(each.correct) for each in alone) <= 5


def test_images_of_other_sizes_are_judged_too(drawn: tuple[list[Prompt], np.ndarray]) -> None:
    prompts, images = drawn[0][:6], list(drawn[1][:5])
    images.append(np.zeros((32, 48, 3), dtype=np.uint8))

    assert len(judge_blank(Believer(), prompts, images.__getitem__, room=ROOM)) == 6
    assert len(judge_shuffled(Believer(), prompts, images.__getitem__, room=ROOM, seed=0)) == 6
    judge = ClipJudge.from_spec("clip", device="cpu")
    alone = judge_text_only(judge, prompts, images.__getitem__, room=ROOM)
    assert alone is not None and len(alone) == 6


@given(st.lists(st.sampled_from("abcde"), max_size=30), st.integers(0, 1000))
def test_no_image_goes_to_a_prompt_of_its_own_composition(names: list[str], seed: int) -> None:
    found = others(names, seed=seed)

    given_ = [image for image in found if image is not None]
    assert len(given_) == len(set(given_))
    assert all(names[image] != names[i] for i, image in enumerate(found) if image is not None)
    commonest = max((names.count(name) for name in names), default=0)
    if 2 * commonest <= len(names):
        assert None not in found
    assert found == others(names, seed=seed)


@given(st.integers(0, 500), st.integers(0, 1000))
def test_a_sample_is_bounded_and_repeatable(n: int, seed: int) -> None:
    drawn = sample_of(n, seed=seed, most=50)

    assert len(drawn) == len(set(drawn)) == min(n, 50)
    assert drawn == sorted(drawn) == sample_of(n, seed=seed, most=50)
