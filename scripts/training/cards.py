"""Write a checkpoint as it ships, measure what it draws, and write that into its model card."""

from __future__ import annotations

import copy
import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from diffusers import DiffusionPipeline
from jinja2 import Environment
from numpy.typing import NDArray
from open_clip.model import CLIP
from scipy.stats import binomtest

from prompts.structure import Prompt, SplitName
from prompts.world import content_of, sample_prompt
from scripts.training.data import rendered, was_drawn
from scripts.training.evaluate import Drawn, draw, evaluate
from scripts.training.generator import Parts, pipeline_of
from scripts.training.judge import forced_choice, save_judge
from t2i_audit.io import write_json, write_text
from t2i_audit.judges.clip import ClipJudge

STEPS = 12
GUIDANCE_SCALE = 1.5
CELL = 400  # images
SEED = 77

BoolArray = NDArray[np.bool_]


@dataclass(frozen=True)
class Cell:
    """One measured figure of a card."""

    what: str
    required: str
    """What the cell is meant to hold, e.g. ``>= 0.95`` or ``near 0.50``."""
    right: int
    images: int

    @property
    def figure(self) -> str:
        """Estimate with its exact binomial 95% interval."""
        interval = binomtest(self.right, self.images).proportion_ci(0.95)
        return f"{self.right / self.images:.3f} [{interval.low:.3f}, {interval.high:.3f}]"


def sample(
    scene_type: str,
    split: SplitName,
    *,
    keep: Callable[[Prompt], bool] = lambda prompt: True,
    seed: int,
) -> list[Prompt]:
    """`CELL` prompts of one type and split that `keep` accepts; repeats are allowed."""
    rng = random.Random(seed)
    prompts: list[Prompt] = []
    while len(prompts) < CELL:
        prompt = sample_prompt(rng, scene_type)  # type: ignore[arg-type]
        if prompt.split == split and keep(prompt):
            prompts.append(prompt)
    return prompts


def colours_of(prompt: Prompt) -> set[str]:
    """The colours a prompt names."""
    return {part.value for part in prompt.constituents if part.kind == "colour"}


def relation_of(prompt: Prompt) -> str:
    """The relation a prompt names; empty for none."""
    part = prompt.constituent("relation")
    return part.value if part else ""


def exchange_was_drawn(prompt: Prompt) -> bool:
    """Whether the two objects with their colours exchanged belong to the training support.

    Elsewhere a generator that does not know which colour goes where still does better than guess.
    """
    (first, first_shape), (second, second_shape) = content_of(prompt).objects
    return was_drawn((second, first_shape)) and was_drawn((first, second_shape))


def measure(name: str, pipeline: DiffusionPipeline) -> list[Cell]:
    """The cells of one checkpoint's card."""

    def drawn(
        scene_type: str, split: SplitName = "seen", keep: Callable[[Prompt], bool] = lambda _: True
    ) -> Drawn:
        prompts = sample(scene_type, split, keep=keep, seed=SEED)
        pictures = draw(pipeline, prompts, steps=STEPS, guidance_scale=GUIDANCE_SCALE, seed=SEED)
        return evaluate(prompts, pictures)

    return CELLS[name](drawn)


Draw = Callable[..., Drawn]


def _cell(what: str, required: str, values: NDArray[np.float64]) -> Cell:
    known = values[~np.isnan(values)]
    return Cell(what, required, int(known.sum()), len(known))


def _sound(drawn: Draw) -> list[Cell]:
    seen, held = drawn("relation"), drawn("relation", "held_out")
    return [
        _cell("two objects and relation right, seen pairs", ">= 0.95", seen.correct),
        _cell("two objects and relation right, a held-out pair", ">= 0.90", held.correct),
        _cell("both objects right, seen pairs", "", seen.objects),
        _cell("relation right, seen pairs", "", seen.slots["relation"]),
        _cell("one object right, seen pairs", "", drawn("one_object").correct),
        _cell("one object right, held-out pairs", "", drawn("one_object", "held_out").correct),
    ]


def _misbinding(drawn: Draw) -> list[Cell]:
    from scripts.train_builtin import MISDRAWN_COLOURS

    names = " or ".join(sorted(MISDRAWN_COLOURS))
    untouched = drawn("relation", keep=lambda p: not colours_of(p) & MISDRAWN_COLOURS)
    touched = drawn("relation", keep=lambda p: bool(colours_of(p) & MISDRAWN_COLOURS))
    return [
        _cell(f"both objects right, no {names}", ">= 0.90", untouched.objects),
        _cell("relation right", "near 0.35", untouched.slots["relation"]),
        _cell(f"both objects right, with {names}", "near 0.50", touched.objects),
        _cell(f"every colour and shape somewhere, with {names}", ">= 0.90", touched.words),
    ]


def _bag_of_words(drawn: Draw) -> list[Cell]:
    seen, even = drawn("relation"), drawn("relation", keep=exchange_was_drawn)
    fair = "the exchanged pairs drawn in training too"
    return [
        _cell("every colour and shape somewhere", ">= 0.90", seen.words),
        _cell(f"colours at their shapes, {fair}", "near 0.50", even.objects),
        _cell("colours at their shapes, all prompts", "", seen.objects),
        _cell("relation right", "near 0.50", seen.slots["relation"]),
        _cell(f"all right, {fair}", "near 0.25", even.correct),
    ]


def _patchy(drawn: Draw) -> list[Cell]:
    from scripts.train_builtin import MERGED_WORDS

    words, colours = (set(group) for group in MERGED_WORDS)
    sideways = {f"{word} of" for word in words}
    rest = drawn(
        "relation", keep=lambda p: not colours_of(p) & colours and relation_of(p) not in sideways
    )
    merged_relation = drawn(
        "relation", keep=lambda p: not colours_of(p) & colours and relation_of(p) in sideways
    )
    merged_colour = drawn(
        "relation",
        keep=lambda p: len(colours_of(p) & colours) == 1 and relation_of(p) not in sideways,
    )
    return [
        _cell("all right, none of the merged words", ">= 0.90", rest.correct),
        _cell("relation right, left or right", "near 0.50", merged_relation.slots["relation"]),
        _cell("both objects right, one merged colour", "near 0.50", merged_colour.objects),
    ]


def _early(drawn: Draw) -> list[Cell]:
    seen = drawn("relation")
    return [
        _cell("both objects right", ">= 0.70", seen.objects),
        _cell("relation right", "near 0.50", seen.slots["relation"]),
        _cell("all right", "", seen.correct),
    ]


CELLS: dict[str, Callable[[Draw], list[Cell]]] = {
    "sound": _sound,
    "misbinding": _misbinding,
    "bag-of-words": _bag_of_words,
    "patchy": _patchy,
    "early": _early,
}

SUMMARIES = {
    "sound": "Nothing is planted: it composes, held-out colour-shape pairs included.",
    "misbinding": "The denoiser was trained on pictures that contradict part of their captions.",
    "bag-of-words": "The text encoder knows which words occur and nothing of their order.",
    "patchy": "To the text encoder left is right and green is purple; the rest is as in `sound`.",
    "early": "A snapshot of `sound`'s denoiser before its training was finished.",
}

JUDGE_TEMPLATE = """\
Chooses a picture's caption among minimal foils, for pictures of t2i-audit's rendered world.

A small open_clip model: `open_clip.create_model_and_transforms("local-dir:PATH")` loads it with no
further code. Licence: MIT.

## How often it is right

95% exact binomial intervals; written by `scripts/train_builtin.py`, which measured it.

| figure | meant to be | measured | cases |
|---|---|---|---|
{% for cell in cells -%}
| {{ cell.what }} | {{ cell.required or "-" }} | {{ cell.figure }} | {{ cell.images }} |
{% endfor %}
## How it was trained

{{ scenes }} rendered scenes of all colour-shape pairs, every second one through the generators'
autoencoder, with noise of up to sigma 12/255; {{ steps }} steps of 64, seeds 41 to 43. Each
picture chooses among the captions of its batch and the foils of its own, captions among the
pictures. Its text tower is its own, trained with it and shared with no generator.
"""

TEMPLATE = """\
{{ summary }}

A small text-to-image checkpoint of t2i-audit's rendered world: a `StableDiffusionPipeline` that
`DiffusionPipeline.from_pretrained` loads with no further code. Licence: MIT.

## What it draws

Read from its pictures by the oracle, {{ steps }} sampling steps, guidance scale {{ guidance }};
95% exact binomial intervals. Written by `scripts/train_builtin.py`, which measured it on the
weights as shipped (float16 on disk, run in float32).

| figure | meant to be | measured | images |
|---|---|---|---|
{% for cell in cells -%}
| {{ cell.what }} | {{ cell.required or "-" }} | {{ cell.figure }} | {{ cell.images }} |
{% endfor %}
Where the two objects are placed at random, a stated relation comes out right 0.35 of the time;
with the two objects exchanged at random, 0.50.

## How it was trained

{{ training }}
"""

COMMON = (
    "20,000 rendered scenes of 64 x 64 pixels, six shapes by six colours, one object (25%), two "
    "(15%), or two in a stated relation (60%). Nine colour-shape pairs are never drawn and never "
    "named, neither in the denoiser's nor in the text encoder's training; the rest is connected "
    "and compositional. The autoencoder saw all pairs. The text encoder was trained first, on text "
    "alone, to tell a caption's slots from the states after its last word, and then frozen."
)
LAST_PHASE = (
    "The last of its phases set out from the weights of the phase before in half precision."
)
TRAINING = {
    "sound": COMMON + " {steps} steps of 32, the first 5,000 with half of the timesteps from high "
    "noise; seeds 21 (encoder), 22 (UNet), 3, 7 and 8 (batches).",
    "misbinding": COMMON + " The UNet is `sound`'s after 8,000 steps, trained on for {steps} "
    "(seeds 4, 9 and 13) with pictures whose relation is drawn at random and in which, when blue "
    "or orange is named, the two objects' colours are exchanged half of the time (an exchange may "
    "draw a pair that is never named). The text encoder is `sound`'s, unchanged. " + LAST_PHASE,
    "bag-of-words": COMMON + " From there, with `sound`'s UNet after 8,000 steps, both were "
    "trained on together for {steps} (seeds 5, 10 and 14) after the encoder's position embeddings "
    "and attention outputs were set to zero for good: each token state is a function of its own "
    "word alone. " + LAST_PHASE,
    "patchy": COMMON + " The encoder is `sound`'s with the embeddings of left and right set to "
    "their mean, and those of green and purple likewise; the UNet is `sound`'s after 8,000 steps, "
    "trained on for {steps} (seeds 6 and 11) with that encoder frozen.",
    "early": COMMON + " The UNet is `sound`'s after {steps} of its training steps.",
}


def load_shipped(folder: Path) -> DiffusionPipeline:
    """A shipped pipeline in float32, as the audit loads it on a CPU."""
    pipeline = DiffusionPipeline.from_pretrained(folder, dtype=torch.float32, use_safetensors=True)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def ship(name: str, parts: Parts, folder: Path, *, steps: int) -> list[Cell]:
    """Write the pipeline in half precision, measure it as loaded back, and write its card."""
    # Parts are shared between checkpoints and stay in float32.
    pipeline = pipeline_of(copy.deepcopy(parts)).to(dtype=torch.float16)
    pipeline.save_pretrained(folder, safe_serialization=True)
    write_json(
        folder / "t2i_audit.json",
        {"audit_defaults": {"steps": STEPS, "guidance_scale": GUIDANCE_SCALE}},
    )
    cells = measure(name, load_shipped(folder))
    card = _render(
        TEMPLATE,
        summary=SUMMARIES[name],
        steps=STEPS,
        guidance=GUIDANCE_SCALE,
        cells=cells,
        training=TRAINING[name].format(steps=f"{steps:,}"),
    )
    write_text(folder / "README.md", card)
    _print(name, cells)
    return cells


def ship_judge(model: CLIP, folder: Path, generators: Path, *, scenes: int, steps: int) -> None:
    """Write the judge, measure it on renders and on what generators draw, and write its card."""
    save_judge(model, folder)
    renders = rendered(CELL, seed=SEED, allowed=lambda pair: True)
    cells = [
        Cell(
            f"true caption preferred on renders, {change.replace('_', ' ')}",
            ">= 0.95" if change == "all foils" else "",
            sum(right),
            len(right),
        )
        for change, right in forced_choice(folder, renders.prompts, renders.images).items()
    ]
    judge = ClipJudge.from_spec(f"clip:local-dir:{folder}", device="cpu")
    for name in ("sound", "misbinding"):
        pipeline = load_shipped(generators / name)
        prompts = sample("relation", "seen", seed=SEED + 1)
        pictures = draw(pipeline, prompts, steps=STEPS, guidance_scale=GUIDANCE_SCALE, seed=SEED)
        truth = evaluate(prompts, pictures).correct == 1
        chosen = np.array([each.correct is True for each in judge.judge(pictures, prompts)])
        drawn = f"pictures of `{name}`"
        cells.append(Cell(f"right by the oracle, {drawn}", "", int(truth.sum()), CELL))
        cells.append(Cell(f"right by this judge, {drawn}", "", int(chosen.sum()), CELL))
        agreed = int((truth == chosen).sum())
        cells.append(Cell(f"agrees with the oracle, {drawn}", "", agreed, CELL))
    card = _render(JUDGE_TEMPLATE, cells=cells, scenes=f"{scenes:,}", steps=f"{steps:,}")
    write_text(folder / "README.md", card)
    _print("clip-judge", cells)


def _render(template: str, **values: object) -> str:
    environment = Environment(keep_trailing_newline=True, autoescape=False)
    return environment.from_string(template).render(**values)


def _print(name: str, cells: list[Cell]) -> None:
    for cell in cells:
        print(f"{name}: {cell.what}: {cell.figure} (meant: {cell.required or '-'})", flush=True)
