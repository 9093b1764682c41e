"""Which images of a run a page keeps where it cannot hold all of them.

Wrong images come first, those with the smallest margin at their head and those without a margin at
their end. The others follow evenly over the prompts: one of each prompt in the suite's order, then
a second one of each, and so on by seed.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

from t2i_audit.report.html.gallery.entries import GalleryImage


def by_use(images: Sequence[GalleryImage]) -> tuple[int, ...]:
    """The places of `images` in the order in which a page keeps them.

    Args:
        images: by prompt and seed.
    """
    wrong = [place for place, image in enumerate(images) if image.correct is False]
    wrong.sort(key=lambda place: _margin(images[place]))
    turns: Counter[int] = Counter()
    others = []
    for place, image in enumerate(images):
        if image.correct is not False:
            others.append((turns[image.prompt], place))
            turns[image.prompt] += 1
    return (*wrong, *(place for _, place in sorted(others)))


def _margin(image: GalleryImage) -> float:
    return math.inf if image.margin is None else image.margin
