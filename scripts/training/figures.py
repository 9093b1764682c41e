"""What a built-in checkpoint draws, measured by the oracle: the figures of its model card."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np
from diffusers import AutoencoderKL, DiffusionPipeline
from numpy.typing import NDArray
from scipy.stats import binomtest

from prompts.structure import Prompt, SplitName
from prompts.world import content_of, sample_prompt
from scripts.training.data import was_drawn
from scripts.training.evaluate import Drawn, draw, evaluate
from scripts.training.recipes import (
    DECODED_AS,
    FADED_COLOURS,
    MERGED_NUMBERS,
    MERGED_WORDS,
    MISDRAWN_COLOURS,
)
from t2i_audit.models.builtin import builtin_folder

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


def measured_prompts() -> list[Prompt]:
    """The prompts whose images the judge's card is about."""
    return sample("relation", "seen", seed=SEED + 1)


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


def exchanged(prompt: Prompt, values: Mapping[str, str]) -> Prompt:
    """The prompt with each value that is a key of `values` replaced, for the oracle alone."""
    parts = (replace(p, value=values.get(p.value, p.value)) for p in prompt.constituents)
    return replace(prompt, constituents=tuple(parts))


def measure(name: str, pipeline: DiffusionPipeline) -> list[Cell]:
    """The cells of one checkpoint's card."""

    def drawn(
        scene_type: str,
        split: SplitName = "seen",
        keep: Callable[[Prompt], bool] = lambda _: True,
        judged_as: Mapping[str, str] = MappingProxyType({}),
        decoder: AutoencoderKL | None = None,
    ) -> Drawn:
        prompts = sample(scene_type, split, keep=keep, seed=SEED)
        own = pipeline.vae
        pipeline.vae = own if decoder is None else decoder
        try:
            images = draw(pipeline, prompts, steps=STEPS, guidance_scale=GUIDANCE_SCALE, seed=SEED)
        finally:
            pipeline.vae = own
        return evaluate([exchanged(prompt, judged_as) for prompt in prompts], images)

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


def _merging_vae(drawn: Draw) -> list[Cell]:
    ((merged, drawn_as),) = DECODED_AS.items()

    def names_it(prompt: Prompt) -> bool:
        return merged in colours_of(prompt)

    sound = AutoencoderKL.from_pretrained(builtin_folder("sound") / "vae").eval()
    rest = drawn("relation", keep=lambda p: not names_it(p))
    touched = drawn("relation", keep=names_it)
    other = drawn("relation", keep=names_it, judged_as=DECODED_AS)
    latents = drawn("relation", keep=names_it, decoder=sound)
    return [
        _cell(f"all right, no {merged}", ">= 0.90", rest.correct),
        _cell(f"both objects right, with {merged}", "near 0.00", touched.objects),
        _cell(f"all right with {drawn_as} in place of {merged}", ">= 0.90", other.correct),
        _cell(f"all right, with {merged}, by the decoder of `sound`", ">= 0.90", latents.correct),
    ]


def _fading(drawn: Draw) -> list[Cell]:
    faded = set(FADED_COLOURS)
    names = " or ".join(FADED_COLOURS)

    def names_one(prompt: Prompt) -> bool:
        return len(colours_of(prompt) & faded) == 1

    rest = drawn("relation", keep=lambda p: not colours_of(p) & faded)
    one = drawn("relation", keep=names_one)
    return [
        _cell(f"all right, no {names}", ">= 0.90", rest.correct),
        _cell(f"both objects right, one {names}", "near 0.50", one.objects),
        _cell("relation right, one " + names, ">= 0.90", one.slots["relation"]),
    ]


def _miscounting(drawn: Draw) -> list[Cell]:
    ((*merged, last),) = MERGED_NUMBERS
    names = f"{', '.join(merged)} or {last}"

    def is_merged(prompt: Prompt) -> bool:
        count = prompt.constituent("object_1.count")
        return count is not None and count.value in (*merged, last)

    rest = drawn("count", keep=lambda p: not is_merged(p))
    touched = drawn("count", keep=is_merged)
    held = drawn("count", "held_out", keep=lambda p: not is_merged(p))
    return [
        _cell("count right, one or four", ">= 0.90", rest.slots["object_1.count"]),
        _cell(f"count right, {names}", "near 0.50", touched.slots["object_1.count"]),
        _cell(f"colour right, {names}", ">= 0.90", touched.slots["object_1.colour"]),
        _cell(f"shape right, {names}", ">= 0.90", touched.slots["object_1.shape"]),
        _cell("all right, one or four", ">= 0.90", rest.correct),
        _cell("all right, one or four, held-out pairs", "", held.correct),
        _cell("two objects and relation right, seen pairs", "", drawn("relation").correct),
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
    "merging-vae": _merging_vae,
    "fading": _fading,
    "miscounting": _miscounting,
}
