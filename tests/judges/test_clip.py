"""The built-in CLIP judge: right on renders, and silent on what it was not trained on."""

from __future__ import annotations

import random

import numpy as np
import pytest

from prompts.structure import Prompt
from prompts.suites import load_suite
from prompts.world import content_of, sample_prompt
from t2i_audit.errors import JudgeError
from t2i_audit.judges.clip import ClipJudge
from t2i_audit.judges.oracle import OracleJudge
from t2i_audit.world.render import render
from t2i_audit.world.scenes import place

RENDERS = 200


@pytest.fixture(scope="module")
def judge() -> ClipJudge:
    return ClipJudge.from_spec("clip", device="cpu")


def relations(count: int, *, seed: int) -> list[Prompt]:
    rng = random.Random(seed)
    return [sample_prompt(rng, "relation") for _ in range(count)]


def drawn(prompts: list[Prompt]) -> np.ndarray:
    rng = np.random.default_rng(0)
    return render([place(content_of(prompt), rng) for prompt in prompts])


def test_a_render_is_given_its_caption_as_the_oracle_gives_it(judge: ClipJudge) -> None:
    prompts = relations(RENDERS, seed=1)
    images = drawn(prompts)

    agreed = [
        own.correct == other.correct
        for own, other in zip(
            judge.judge(images, prompts), OracleJudge().judge(images, prompts), strict=True
        )
    ]

    assert np.mean(agreed) >= 0.9


def test_a_render_of_a_foil_is_not_given_the_caption(judge: ClipJudge) -> None:
    prompts = relations(RENDERS, seed=2)
    by_text = {prompt.text: prompt for prompt in prompts}
    others = list(by_text.values())
    # Each prompt is held against the picture of the next one.
    verdicts = judge.judge(drawn(others[1:] + others[:1]), others)

    assert np.mean([bool(verdict.correct) for verdict in verdicts]) < 0.5


def test_the_margin_is_the_lead_over_the_best_foil(judge: ClipJudge) -> None:
    prompts = relations(8, seed=3)
    images = drawn(prompts)

    similarities = judge.similarities(images, prompts)
    verdicts = judge.judge(images, prompts)

    expected = [float(scores[0] - max(scores[1:])) for scores in similarities]
    assert [verdict.margin for verdict in verdicts] == pytest.approx(expected)


def test_a_word_of_the_open_world_is_refused_before_any_picture(judge: ClipJudge) -> None:
    with pytest.raises(JudgeError, match=r"rendered world.*--judge clip:ViT-L-14/openai"):
        judge.check(load_suite("smoke").prompts)
