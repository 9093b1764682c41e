"""Write the VQA judge as it ships, measure it against the oracle, and write its model card."""

from __future__ import annotations

import copy
import random
from pathlib import Path

import numpy as np
from transformers import LlavaForConditionalGeneration, LlavaProcessor

from prompts.structure import Prompt
from prompts.world import Content, content_of, foil_contents
from scripts.training.cards import print_cells, render_card
from scripts.training.figures import CELL, SEED, Cell
from scripts.training.vqa_images import GENERATORS, Shown, drawn_images, sampled_prompts
from scripts.training.vqa_questions import answers
from t2i_audit.io import write_text
from t2i_audit.judges.oracle import OracleJudge
from t2i_audit.judges.vqa import VqaJudge
from t2i_audit.world.oracle import read_images
from t2i_audit.world.render import render
from t2i_audit.world.scenes import place

TEMPLATE = """\
Answers questions on images of t2i-audit's rendered world with yes or no.

A LLaVA with a small SigLIP vision tower and a small Llama: `AutoModelForImageTextToText` and
`AutoProcessor` load it with no further code, and `transformers serve` serves it. It knows
{{ words }} words, those of the judge's questions on this world, and any other word is `<unk>` to
it. Licence: MIT.

## How often it agrees with the oracle

Verdicts of `--judge vqa` against the oracle's on images that no training saw: one slot of a kind an
image, drawn at random. "Answered right" holds the answer against the truth of the question itself,
as the oracle reads the image. "Slots agree" holds it against the oracle's verdict on the slot,
which matches objects first and may so call a relation right although a shape in it is wrong; to "Is
there a star above a cross?" no is then the true answer, and the figure stays below 1. Of the
renders a third show the prompt, a third differ from it in one thing, and a third lack one of its
objects or have another one instead. 95% exact binomial intervals; written by
`scripts/train_builtin.py`, which measured it.

| figure | meant to be | measured | cases |
|---|---|---|---|
{% for cell in cells -%}
| {{ cell.what }} | {{ cell.required or "-" }} | {{ cell.figure }} | {{ cell.images }} |
{% endfor %}
## How it was trained

{{ training }}
"""
WEIGHTS = "model.safetensors"
KINDS = ("shape", "colour", "relation")
GOAL = ">= 0.95"
DRAWN_CELL = 200  # images of each generator


def ship_vqa(
    model: LlavaForConditionalGeneration,
    processor: LlavaProcessor,
    folder: Path,
    *,
    training: str,
    work: Path,
) -> list[Cell]:
    """Write model and processor in half precision, measure them as loaded back, write the card."""
    copy.deepcopy(model).half().save_pretrained(folder)
    (folder / WEIGHTS).chmod(0o644)  # transformers makes it unreadable to others
    processor.save_pretrained(folder)
    cells = measured(VqaJudge.from_spec(f"vqa:{folder}", device="cpu"), work=work)
    words = len(processor.tokenizer)
    card = render_card(TEMPLATE, cells=cells, training=training, words=words)
    write_text(folder / "README.md", card)
    print_cells(folder.name, cells)
    return cells


def measured(judge: VqaJudge, *, work: Path) -> list[Cell]:
    """Its agreement with the oracle on fresh renders and on what each generator draws."""
    cells = _agreement(judge, fresh_renders(CELL, seed=SEED), "renders", GOAL)
    for name in GENERATORS:
        shown = drawn_images(name, DRAWN_CELL, work=work, seed=SEED)
        cells += _agreement(judge, shown, f"images of `{name}`", "")
    return cells


def fresh_renders(count: int, *, seed: int) -> Shown:
    """Prompts, and for each an image that shows it, or differs from it, or lacks an object."""
    rng, scene_rng = random.Random(seed), np.random.default_rng(seed)
    prompts = sampled_prompts(count, seed=seed)
    contents = [
        _drawn_as(content_of(prompt), number % 3, rng) for number, prompt in enumerate(prompts)
    ]
    return Shown(prompts, render([place(content, scene_rng) for content in contents]))


def _drawn_as(content: Content, change: int, rng: random.Random) -> Content:
    if change == 0:
        return content
    if change == 1:
        return rng.choice(foil_contents(content, rng))[1]
    (another,) = content_of(sampled_prompts(1, seed=rng.randrange(1 << 30))[0]).objects[:1]
    if len(content.objects) == 1:
        return Content((another,))
    kept = rng.choice(content.objects)
    return Content((kept,)) if rng.random() < 0.5 else Content((kept, another))


def _agreement(judge: VqaJudge, shown: Shown, of: str, goal: str) -> list[Cell]:
    given = judge.judge(shown.images, shown.prompts)
    truth = OracleJudge().judge(shown.images, shown.prompts)
    rng = random.Random(SEED)
    readings = read_images(shown.images)
    cells = []
    for kind in KINDS:
        right, agreed = [], []
        for prompt, each, true, reading in zip(shown.prompts, given, truth, readings, strict=True):
            slot = _a_slot(prompt, kind, rng)
            if slot:
                answer = dict(answers(prompt, reading))[slot].answer
                right.append(each.slots[slot] == answer)
                agreed.append(each.slots[slot] == true.slots[slot])
        cells.append(Cell(f"{kind} questions answered right, {of}", goal, sum(right), len(right)))
        cells.append(Cell(f"{kind} slots agree, {of}", goal, sum(agreed), len(agreed)))
    pairs = list(zip(given, truth, strict=True))
    whole = {
        "whole prompts agree": [each.correct == true.correct for each, true in pairs],
        "whole prompts agree, caption question alone": [
            (each.scores.get("caption", 0.0) >= 0.5) == true.correct for each, true in pairs
        ],
        "right by the oracle": [true.correct is True for true in truth],
        "right by this judge": [each.correct is True for each in given],
    }
    for what, values in whole.items():
        cells.append(Cell(f"{what}, {of}", "", sum(values), len(values)))
    return cells


def _a_slot(prompt: Prompt, kind: str, rng: random.Random) -> str:
    slots = [part.slot for part in prompt.constituents if part.kind == kind]
    return rng.choice(slots) if slots else ""
