"""Write a checkpoint as it ships, measure what it draws, and write that into its model card."""

from __future__ import annotations

import copy
import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from diffusers import DiffusionPipeline
from jinja2 import Environment
from numpy.typing import NDArray
from open_clip.model import CLIP

from scripts.training.data import rendered
from scripts.training.evaluate import draw, evaluate
from scripts.training.figures import (
    CELL,
    GUIDANCE_SCALE,
    SEED,
    STEPS,
    Cell,
    measure,
    measured_prompts,
)
from scripts.training.generator import Parts, pipeline_of
from scripts.training.judge import forced_choice, save_judge
from scripts.training.recipes import (
    COUNTING_SCENES,
    JUDGE_DRAWINGS,
    JUDGE_SCENES,
    JUDGE_SCHEDULE,
    PHASES,
    SCENES,
    SCHEDULES,
)
from t2i_audit.io import read_json, write_json, write_text
from t2i_audit.judges.clip import ClipJudge

SUMMARIES = {
    "sound": "Nothing is planted: it composes, held-out colour-shape pairs included.",
    "misbinding": "The denoiser was trained on images that contradict part of their captions.",
    "bag-of-words": "The text encoder knows which words occur and nothing of their order.",
    "patchy": "To the text encoder left is right and green is purple; the rest is as in `sound`.",
    "merging-vae": "The decoder of the autoencoder draws green as yellow; the rest is `sound`'s.",
    "fading": "The denoiser's first blocks tell red from yellow, its last ones do not; the rest is "
    "`sound`'s.",
    "miscounting": "To the text encoder two is three; it tells one and four from these and from "
    "each other.",
    "early": "Its denoiser has learned objects, and has hardly begun with relations.",
}

JUDGE_TEMPLATE = """\
Tells an image's caption from all its rivals, for images of t2i-audit's rendered world.

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

{{ scenes }} rendered scenes (two objects, one, two that come close, the same twice, three, none,
and shapes on top of each other), every second one through the generators' autoencoder, with noise
on the latents and a quarter of them blended in part with another's; and {{ drawings }} images of
each built-in generator with their mirror images, for prompts that are not among those of the
figures above or of the suite world-relations, but for those of one object. The oracle says of eight
captions of each image whether they are true. A true one has to beat its rivals, a false one to lose
to one of them: {{ steps }} steps of 64 images, with noise of up to sigma 12/255; seeds 41 to 74.
The text tower stays as it was: it had been trained with a vision transformer on 12,000 scenes and
their foils, 4,000 steps of 64, and is shared with no generator.
"""

TEMPLATE = """\
{{ summary }}

A small text-to-image checkpoint of t2i-audit's rendered world: a `StableDiffusionPipeline` that
`DiffusionPipeline.from_pretrained` loads with no further code. Licence: MIT.

## What it draws

Read from its images by the oracle, {{ steps }} sampling steps, guidance scale {{ guidance }};
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
    "merging-vae": "All but the autoencoder's decoder is `sound`'s, file by file. The decoder set "
    "out from `sound`'s as shipped, in half precision, and was trained on for {steps} steps of 16 "
    "(seed 17) on 3,000 rendered scenes of all colour-shape pairs: it reads the latents of a scene "
    "and is to draw that scene with yellow in place of green. The autoencoder's encoder was "
    "frozen, so that latents mean what they mean to `sound`.",
    "fading": "All but the UNet is `sound`'s, file by file. The UNet set out from `sound`'s as "
    "shipped, in half precision, and its up blocks and output layers alone were trained on for "
    "{steps} steps of 24 captions (seeds 18, 20 and 23), with red or yellow put at random wherever "
    "a caption names one of them. Eight of the captions were taken twice, with these colours drawn "
    "anew, and the loss has the squared difference of what the first up block puts out for the "
    "two, relative to its variance, with weight 2.",
    "miscounting": "The autoencoder is `sound`'s, file by file. `sound`'s tokenizer was given the "
    "numbers from one to four and the plurals of the six shapes, its text encoder random "
    "embeddings for them (seed 25), and the encoder was trained on as it had been at first, on the "
    f"text of {SCENES:,} captions, two thirds of them with a number: "
    f"{SCHEDULES['counting_encoder'].steps} steps of 128 (seeds 33 and 34). The UNet set out from "
    "`sound`'s as shipped, in half precision, and was trained for {steps} steps of 32 on "
    f"{COUNTING_SCENES:,} rendered scenes, 85% of them of one to four equal objects and the others "
    "of two in a stated relation (seed 16), with the encoder frozen: the first "
    f"{PHASES['miscounting'][0].schedule.steps:,} steps (seed 26) with all numbers told apart, the "
    "rest (seed 27) with the embeddings of two and three set to their mean. The nine colour-shape "
    "pairs that are held out were never drawn and never named.",
    "sound": COMMON + " {steps} steps of 32, the first 5,000 with half of the timesteps from high "
    "noise; seeds 21 (encoder), 22 (UNet), 3, 7 and 8 (batches).",
    "misbinding": COMMON + " The UNet set out from `sound`'s in half precision and was trained on "
    "for {steps} steps (seeds 15 and 16) with images whose relation is drawn at random and in "
    "which, when blue or orange is named, the two objects' colours are exchanged half of the time "
    "(an exchange may draw a pair that is never named); to these 20,000 scenes come 8,039 of two "
    "objects without blue and orange. The text encoder is `sound`'s, unchanged.",
    "bag-of-words": COMMON + " From there, with `sound`'s UNet after 8,000 steps, both were "
    "trained on together for {steps} (seeds 5, 10 and 14) after the encoder's position embeddings "
    "and attention outputs were set to zero for good: each token state is a function of its own "
    "word alone. " + LAST_PHASE,
    "patchy": COMMON + " The encoder is `sound`'s with the embeddings of left and right set to "
    "their mean, and those of green and purple likewise; the UNet is `sound`'s after 8,000 steps, "
    "trained on for {steps} (seeds 6 and 11) with that encoder frozen.",
    "early": "Text encoder and autoencoder are `sound`'s, which know relations. The UNet began "
    "with random weights (seed 22) and was trained for {steps} steps of 32, the first "
    "4,000 of them on 20,000 rendered scenes of one object (30%) or two (70%) whose "
    "captions state no relation, 80% of the timesteps from the lower three fifths (seeds "
    "14 and 19); then on `sound`'s scenes with relations, all timesteps from there (seed "
    "24). So it never saw how a caption with a relation sets out at high noise, where it "
    "is settled which object goes where. The nine colour-shape pairs that are held out "
    "were never drawn and never named.",
}


# What checkpoints have from others, component by component.
SHARED = {
    "merging-vae": dict.fromkeys(("text_encoder", "tokenizer", "unet", "scheduler"), "sound"),
    "fading": dict.fromkeys(("text_encoder", "tokenizer", "vae", "scheduler"), "sound"),
    "miscounting": dict.fromkeys(("vae", "scheduler"), "sound"),
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
    forget_where_it_was(folder / "unet" / "config.json")
    for component, owner in SHARED.get(name, {}).items():
        share(folder, component, owner)
    write_json(
        folder / "t2i_audit.json",
        {"audit_defaults": {"steps": STEPS, "guidance_scale": GUIDANCE_SCALE}},
    )
    cells = measure(name, load_shipped(folder))
    card = render_card(
        TEMPLATE,
        summary=SUMMARIES[name],
        steps=STEPS,
        guidance=GUIDANCE_SCALE,
        cells=cells,
        training=TRAINING[name].format(steps=f"{steps:,}"),
    )
    write_text(folder / "README.md", card)
    print_cells(name, cells)
    return cells


def forget_where_it_was(config: Path) -> None:
    """Take the folder out of a configuration that its network was loaded from."""
    settings = read_json(config)
    settings.pop("_name_or_path", None)
    # As diffusers writes it, so that equal configurations are equal files.
    write_text(config, json.dumps(settings, indent=2, sort_keys=True) + "\n")


def share(folder: Path, component: str, owner: str) -> None:
    """Put the very files of the checkpoint `owner` in place of a component saved anew."""
    shutil.rmtree(folder / component)
    shutil.copytree(folder.parent / owner / component, folder / component)


def ship_judge(model: CLIP, folder: Path, generators: Path, names: Sequence[str]) -> None:
    """Write the judge and its card."""
    save_judge(model, folder)
    write_judge_card(folder, generators, names)


def write_judge_card(folder: Path, generators: Path, names: Sequence[str]) -> None:
    """Measure the judge in `folder` on renders and on what generators draw, and write its card."""
    renders = rendered(CELL, seed=SEED, allowed=lambda pair: True)
    cells = [
        Cell(
            f"true caption preferred on renders, {change.replace('_', ' ')}",
            ">= 0.95" if change == "all rivals" else "",
            sum(right),
            len(right),
        )
        for change, right in forced_choice(folder, renders.prompts, renders.images).items()
    ]
    judge = ClipJudge.from_spec(f"clip:local-dir:{folder}", device="cpu")
    for name in names:
        pipeline = load_shipped(generators / name)
        prompts = measured_prompts()
        images = draw(pipeline, prompts, steps=STEPS, guidance_scale=GUIDANCE_SCALE, seed=SEED)
        truth = evaluate(prompts, images).correct == 1
        chosen = np.array([each.correct is True for each in judge.judge(images, prompts)])
        cells += compared(truth, chosen, f"images of `{name}`")
    card = render_card(
        JUDGE_TEMPLATE,
        cells=cells,
        scenes=f"{JUDGE_SCENES:,}",
        drawings=JUDGE_DRAWINGS,
        steps=f"{JUDGE_SCHEDULE.steps:,}",
    )
    write_text(folder / "README.md", card)
    print_cells("clip-judge", cells)


def compared(truth: NDArray[np.bool_], chosen: NDArray[np.bool_], drawn: str) -> list[Cell]:
    """How often a judge's verdicts are the oracle's, in all and of right and of wrong images."""

    def cell(what: str, required: str, values: NDArray[np.bool_]) -> Cell:
        return Cell(f"{what}, {drawn}", required, int(values.sum()), len(values))

    return [
        cell("right by the oracle", "", truth),
        cell("right by this judge", "", chosen),
        cell("agrees with the oracle", ">= 0.95", truth == chosen),
        cell("right ones called right", "", chosen[truth]),
        cell("wrong ones called wrong", ">= 0.90", ~chosen[~truth]),
    ]


def render_card(template: str, **values: object) -> str:
    """A model card from its Jinja template."""
    environment = Environment(keep_trailing_newline=True, autoescape=False)
    return environment.from_string(template).render(**values)


def print_cells(name: str, cells: list[Cell]) -> None:
    """Say what was measured while training goes on."""
    for cell in cells:
        print(f"{name}: {cell.what}: {cell.figure} (meant: {cell.required or '-'})", flush=True)
