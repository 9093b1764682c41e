"""How often the GenEval judge with the built-in detector agrees with the oracle: its card."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from prompts.structure import Prompt
from prompts.world import Content, SceneType, content_of, foil_contents, sample_prompt
from scripts.training.cards import load_shipped
from scripts.training.evaluate import draw
from scripts.training.figures import CELL, GUIDANCE_SCALE, SEED, STEPS, Cell
from scripts.training.recipes import (
    COLOUR_CROPS,
    COLOUR_SCHEDULE,
    DETECTOR_DRAWINGS,
    DETECTOR_SCENES,
    DETECTOR_SCHEDULES,
)
from t2i_audit.io import write_text
from t2i_audit.judges.base import Judgement
from t2i_audit.judges.geneval import GenEvalJudge
from t2i_audit.judges.oracle import OracleJudge
from t2i_audit.world.render import render
from t2i_audit.world.scenes import place

FAITHFUL = 0.5  # of the fresh renders; the others differ from their prompt in one thing
DRAWN = 120  # images of each generator
KINDS = ("shape", "colour", "relation")
TYPES: tuple[SceneType, ...] = ("one_object", "two_objects", "relation")

TEMPLATE = """\
Finds the six shapes of t2i-audit's rendered world, for GenEval's rules (`--judge geneval`).

{what}
Licence: MIT.

## How often it agrees with the oracle

The judge `geneval` on both models against the oracle, slot by slot; 95% exact binomial intervals;
written by `scripts/train_builtin.py`, which measured it. A colour is compared where the oracle sees
its object's shape, a relation where it sees both shapes: of an object that is not there GenEval
calls the colour wrong, the oracle that of the object in its place. Half of the fresh renders are
false of their prompt in one thing (an object missing or replaced, a colour or both colours
exchanged, the relation reversed).

| figure | meant to be | measured | cases |
|---|---|---|---|
{rows}
## How it was trained

{training}
"""
WHAT = """\
A small `RTDetrV2ForObjectDetection` of transformers; in the folder `colour` is an open_clip model
that names the colour of a crop by GenEval's ten colours and three templates."""
TRAINING = """\
The detector: {scenes} rendered scenes (one object, two, the same twice, three, none, and shapes on
top of each other, of which the oracle says what can be seen), every second one through the
generators' autoencoder, {first} steps of 32; then {second} steps in which {drawings} images of each
built-in generator are among them, with boxes of what the oracle can read. Images are mirrored,
their colour channels permuted, with noise of up to sigma 12/255; seeds 51 to 61. The colour model:
{crops} crops of single objects in ten colours, {colour_steps} steps of 64, seed 71. On tight crops
`builtin:clip-judge` names 73% of the colours (10 colours, n=225), so it is not used for them."""


@dataclass(frozen=True, eq=False)
class Shown:
    """Images and the prompts that they are held against."""

    what: str
    prompts: tuple[Prompt, ...]
    images: np.ndarray


def fresh_renders(count: int, *, seed: int) -> Shown:
    """Renders of which half are true of their prompt, the others false in one thing."""
    rng, scene_rng = random.Random(seed), np.random.default_rng(seed)
    prompts = tuple(sample_prompt(rng, TYPES[i % len(TYPES)]) for i in range(count))
    scenes = [place(_drawn_as(content_of(prompt), rng), scene_rng) for prompt in prompts]
    return Shown("fresh renders", prompts, render(scenes))


def _drawn_as(content: Content, rng: random.Random) -> Content:
    if rng.random() < FAITHFUL:
        return content
    changed = [foil for _, foil in foil_contents(content, rng)]
    if len(content.objects) == 2:
        kept = content.objects[rng.randrange(2)]
        changed.append(replace(content, objects=(kept,), relation=None))
    return rng.choice(changed)


def drawings(name: str, folder: Path, *, seed: int) -> Shown:
    """What a generator draws for prompts of all types."""
    rng = random.Random(seed)
    prompts = tuple(sample_prompt(rng, TYPES[i % len(TYPES)]) for i in range(DRAWN))
    images = draw(
        load_shipped(folder), prompts, steps=STEPS, guidance_scale=GUIDANCE_SCALE, seed=seed
    )
    return Shown(f"images of `{name}`", prompts, images)


def agreement(shown: Shown, judge: GenEvalJudge) -> list[Cell]:
    """Of each kind of slot and of whole prompts, how often the judge says what the oracle says."""
    judged = [each for part in _batches(shown) for each in judge.judge(*part)]
    truth = OracleJudge().judge(shown.images, shown.prompts)
    goal = ">= 0.95" if shown.what == "fresh renders" else ""
    cells = []
    for kind in KINDS:
        agreed = [
            own.slots[part.slot] == true.slots[part.slot]
            for prompt, own, true in zip(shown.prompts, judged, truth, strict=True)
            for part in prompt.constituents
            if part.kind == kind
            and (kind == "shape" or all(true.slots[f"{e}.shape"] for e in part.entities))
        ]
        cells.append(Cell(f"{kind}, {shown.what}", goal, sum(agreed), len(agreed)))
    same = [own.correct == true.correct for own, true in zip(judged, truth, strict=True)]
    cells.append(Cell(f"whole prompt, {shown.what}", "", sum(same), len(same)))
    cells += [
        Cell(f"whole prompt right by {who}, {shown.what}", "", sum(_right(each)), len(each))
        for who, each in (("the oracle", truth), ("this judge", judged))
    ]
    return cells


def _right(judged: Sequence[Judgement]) -> list[bool]:
    return [each.correct is True for each in judged]


def _batches(shown: Shown, size: int = 50) -> list[tuple[np.ndarray, tuple[Prompt, ...]]]:
    starts = range(0, len(shown.prompts), size)
    return [(shown.images[s : s + size], shown.prompts[s : s + size]) for s in starts]


def write_card(folder: Path, generators: Path, names: Sequence[str]) -> None:
    """Measure the shipped detector on renders and on what generators draw; write its card."""
    judge = GenEvalJudge.from_spec(f"geneval:{folder}", device="cpu")
    cells = agreement(fresh_renders(CELL, seed=SEED), judge)
    for name in names:
        cells += agreement(drawings(name, generators / name, seed=SEED), judge)
    for cell in cells:
        print(f"detector: {cell.what}: {cell.figure} (meant: {cell.required or '-'})", flush=True)
    first, second = DETECTOR_SCHEDULES
    training = TRAINING.format(
        scenes=f"{DETECTOR_SCENES:,}",
        first=f"{first.steps:,}",
        second=second.steps,
        drawings=DETECTOR_DRAWINGS,
        crops=f"{COLOUR_CROPS:,}",
        colour_steps=COLOUR_SCHEDULE.steps,
    )
    rows = "".join(
        f"| {cell.what} | {cell.required or '-'} | {cell.figure} | {cell.images} |\n"
        for cell in cells
    )
    write_text(folder / "README.md", TEMPLATE.format(what=WHAT, rows=rows, training=training))
