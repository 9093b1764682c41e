"""Blind baselines: what a judge scores without the image that it should judge.

A judge that calls many a blank image right, or the image of another prompt, or a caption without
any image, owes that part of its success rates to the texts (SugarCrepe, Hsieh et al. 2023).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from prompts.structure import Prompt
from t2i_audit.judges.base import Judge, Judgement
from t2i_audit.judges.room import Room

SAMPLE = 200  # images; an interval of at most 7 points either way, and no run is judged for long
AT_ONCE = 16  # images judged together
GREY = 128  # of 255, in all three channels of a blank image

Pixels = NDArray[np.uint8]
Verdicts = list[Judgement]


@runtime_checkable
class CaptionJudge(Protocol):
    """A judge that can compare captions without an image."""

    name: str

    def embed(self, images: Sequence[Pixels]) -> NDArray[np.float64]:
        """The embeddings ``(b, d)`` of images ``(h, w, 3)``."""
        ...

    def judge_embedding(
        self, embedding: NDArray[np.float64], prompts: Sequence[Prompt]
    ) -> Verdicts:
        """Judge each prompt by one `embedding` ``(d,)``."""
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
    room: Room,
    seed: int,
) -> list[Judgement | None]:
    """The verdict on each prompt with the image of another; None where there is no other.

    Args:
        judge: any judge that can judge the prompts.
        prompts: of the sampled images.
        load: the pixels ``(h, w, 3)`` of the sampled image with this index.
        room: how many images are judged together.
        seed: decides which image each prompt gets.
    """
    other = others([prompt.composition for prompt in prompts], seed=seed)
    found: list[Judgement | None] = [None] * len(prompts)
    paired = [(row, image) for row, image in enumerate(other) if image is not None]
    shown = [image for _, image in paired]
    own = [prompts[row] for row, _ in paired]
    verdicts = room.judge(judge, own, lambda index: load(shown[index]))
    for (row, _), verdict in zip(paired, verdicts, strict=True):
        found[row] = verdict
    return found


def judge_blank(
    judge: Judge, prompts: Sequence[Prompt], load: Callable[[int], Pixels], *, room: Room
) -> Verdicts:
    """The verdict on each prompt with a grey image of the size of its own."""
    return room.judge(judge, prompts, lambda index: np.full_like(load(index), GREY))


def judge_text_only(
    judge: Judge, prompts: Sequence[Prompt], load: Callable[[int], Pixels], *, room: Room
) -> Verdicts | None:
    """The verdict on each caption by the mean embedding of all images, which shows none of them.

    None for a judge that has no embeddings.
    """
    if not isinstance(judge, CaptionJudge):
        return None
    rows = room.map(
        judge.name, len(prompts), lambda part: list(judge.embed([load(index) for index in part]))
    )
    return judge.judge_embedding(np.mean(rows, axis=0), prompts)
