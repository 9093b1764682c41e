"""Blind baselines: what a judge scores without the image that it should judge.

A judge that calls many a blank image right, or the image of another prompt, or a caption without
any image, owes that part of its success rates to the texts (SugarCrepe, Hsieh et al. 2023).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import groupby
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from prompts.structure import Prompt
from t2i_audit.judges.base import Judge, Judgement
from t2i_audit.models.out_of_memory import out_of_memory_error, runs_short

SAMPLE = 200  # images; an interval of at most 7 points either way, and no run is judged for long
AT_ONCE = 16  # images judged together
GREY = 128  # of 255, in all three channels of a blank image

Pixels = NDArray[np.uint8]
Verdicts = list[Judgement]


@runtime_checkable
class CaptionJudge(Protocol):
    """A judge that can compare captions without an image."""

    def judge_without_image(self, images: np.ndarray, prompts: Sequence[Prompt]) -> Verdicts:
        """Judge each prompt by what `images` ``(b, h, w, 3)`` have in common."""
        ...


def looks_at_pixels(judge: Judge) -> bool:
    """Whether it judges the pixels that it is given; False if it looks the image up in a file."""
    return bool(getattr(judge, "looks_at_pixels", True))


def sample_of(n: int, *, seed: int, most: int = SAMPLE) -> list[int]:
    """Up to `most` of ``range(n)``, drawn from `seed`, in rising order."""
    rng = np.random.default_rng(seed)
    return sorted(int(each) for each in rng.choice(n, size=min(n, most), replace=False))


def others(compositions: Sequence[str], *, seed: int) -> list[int | None]:
    """For each item the index of an item of another composition, no index twice.

    None where there is none, because one composition has more than half of the items.
    """
    n = len(compositions)
    rng = np.random.default_rng(seed)
    drawn = {name: rank for rank, name in enumerate(rng.permutation(sorted({*compositions})))}
    order = sorted(rng.permutation(n).tolist(), key=lambda item: drawn[compositions[item]])
    largest = max((compositions.count(name) for name in drawn), default=0)
    # Items of one composition stand together, so the item that many places on is of another.
    found: list[int | None] = [None] * n
    for place, item in enumerate(order):
        other = order[(place + largest) % n]
        if compositions[other] != compositions[item]:
            found[item] = other
    return found


def judge_shuffled(
    judge: Judge,
    prompts: Sequence[Prompt],
    load: Callable[[int], Pixels],
    *,
    seed: int,
) -> list[Judgement | None]:
    """The verdict on each prompt with the image of another; None where there is no other.

    Args:
        judge: any judge that can judge the prompts.
        prompts: of the sampled images.
        load: the pixels ``(h, w, 3)`` of the sampled image with this index.
        seed: decides which image each prompt gets.
    """
    other = others([prompt.composition for prompt in prompts], seed=seed)
    found: list[Judgement | None] = [None] * len(prompts)
    paired = [(row, image) for row, image in enumerate(other) if image is not None]
    verdicts = _judged(
        judge, [prompts[row] for row, _ in paired], [image for _, image in paired], load
    )
    for (row, _), verdict in zip(paired, verdicts, strict=True):
        found[row] = verdict
    return found


def judge_blank(judge: Judge, prompts: Sequence[Prompt], load: Callable[[int], Pixels]) -> Verdicts:
    """The verdict on each prompt with a grey image of the size of its own."""
    return _judged(
        judge, prompts, list(range(len(prompts))), lambda index: np.full_like(load(index), GREY)
    )


def judge_text_only(
    judge: Judge, prompts: Sequence[Prompt], load: Callable[[int], Pixels]
) -> Verdicts | None:
    """The verdict on each caption without an image; None for a judge that cannot give one."""
    if not isinstance(judge, CaptionJudge):
        return None
    images = [load(index) for index in range(len(prompts))]
    # Images made elsewhere may differ in size, and then only those of the commonest are used.
    shapes = [image.shape for image in images]
    usual = max(dict.fromkeys(shapes), key=shapes.count)
    return judge.judge_without_image(
        np.stack([image for image in images if image.shape == usual]), prompts
    )


def _judged(
    judge: Judge, prompts: Sequence[Prompt], images: Sequence[int], load: Callable[[int], Pixels]
) -> Verdicts:
    found: Verdicts = []
    for start in range(0, len(prompts), AT_ONCE):
        own = list(prompts[start : start + AT_ONCE])
        pixels = [load(index) for index in images[start : start + AT_ONCE]]
        rows = range(len(own))
        for _, group in groupby(rows, key=lambda row: pixels[row].shape):
            part = list(group)
            stack = np.stack([pixels[row] for row in part])
            found += _with_room(judge, stack, [own[row] for row in part])
    return found


def _with_room(judge: Judge, pixels: np.ndarray, prompts: Sequence[Prompt]) -> Verdicts:
    """The verdicts on `pixels` ``(b, h, w, 3)``, in halves where memory runs short."""
    judged: Verdicts = []
    if not runs_short(lambda: judged.extend(judge.judge(pixels, prompts))):
        return judged
    if len(pixels) == 1:
        raise out_of_memory_error(1)
    half = len(pixels) // 2
    parts = (slice(None, half), slice(half, None))
    return [each for part in parts for each in _with_room(judge, pixels[part], prompts[part])]
