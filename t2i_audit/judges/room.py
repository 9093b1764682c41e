"""How many images a judge is shown at once, and less of them where memory runs short."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np

from prompts.structure import Prompt
from t2i_audit.errors import JudgeError
from t2i_audit.io import read_json, write_json
from t2i_audit.judges.base import Judge, Judgement
from t2i_audit.models.out_of_memory import runs_short
from t2i_audit.reporter import Reporter

T = TypeVar("T")

REMEMBERED = "memory.json"
SIZE = "images_at_once"


@dataclass(eq=False)
class Room:
    """How many images a judge is shown at once; once memory runs short, half as many from then on.

    The number is remembered beside the judge's verdicts. It changes them by rounding at most.
    """

    folder: Path
    """Of the judge's verdicts."""
    size: int | None
    """None shows the judge all images that it is given."""
    reporter: Reporter

    def __post_init__(self) -> None:
        path = self.folder / REMEMBERED
        if not path.exists():
            return
        try:
            found = max(1, int(read_json(path)[SIZE]))
        except (OSError, ValueError, OverflowError, TypeError, KeyError):
            note = f"{path} is damaged; how many images fit at once is found again"
            self.reporter.note(note)
        else:
            self.size = found if self.size is None else min(self.size, found)

    def judge(
        self, judge: Judge, prompts: Sequence[Prompt], read: Callable[[int], np.ndarray]
    ) -> list[Judgement]:
        """The verdicts on the images of `prompts`, of which no more are read at once than fit.

        Args:
            judge: the judge.
            prompts: the prompt of each image.
            read: the pixels of the image with this index, ``(h, w, 3)`` uint8.

        Raises:
            JudgeError: memory is too small for a single image.
        """
        return self.map(judge.name, len(prompts), partial(_judge_part, judge, prompts, read))

    def map(self, name: str, n: int, work: Callable[[range], Sequence[T]]) -> list[T]:
        """What `work` makes of `n` images, called for as many at once as fit.

        Args:
            name: the judge's.
            n: number of images.
            work: gets the indices of some images, and returns a value for each.

        Raises:
            JudgeError: memory is too small for a single image.
        """
        made: list[T] = []
        while len(made) < n:
            start = len(made)
            part = range(start, n if self.size is None else min(start + self.size, n))
            found: list[T] = []
            if runs_short(partial(_extend, found, work, part)):
                self._halve(name, len(part))
            else:
                made += found
        return made

    def _halve(self, name: str, tried: int) -> None:
        if tried == 1:
            raise JudgeError(
                f"memory runs short with a single image for judge {name!r}; give a smaller "
                "judge, or judge the finished run with `t2i-audit judge`, when no checkpoint that "
                "makes images is beside it"
            )
        self.size = tried // 2
        self.reporter.note(
            f"memory runs short with {tried} images at once for judge {name!r}; going on "
            f"with {self.size}"
        )
        write_json(self.folder / REMEMBERED, {SIZE: self.size})


def _extend(found: list[T], work: Callable[[range], Sequence[T]], part: range) -> None:
    found += work(part)


def _judge_part(
    judge: Judge, prompts: Sequence[Prompt], read: Callable[[int], np.ndarray], indices: range
) -> list[Judgement]:
    """Judge some images; a judge gets those of one size at a time."""
    pixels = [read(index) for index in indices]
    sizes: dict[tuple[int, ...], list[int]] = {}
    for place, image in enumerate(pixels):
        sizes.setdefault(image.shape, []).append(place)
    verdicts: dict[int, Judgement] = {}
    for places in sizes.values():
        images = np.stack([pixels[place] for place in places])
        judged = judge.judge(images, [prompts[indices[place]] for place in places])
        verdicts |= dict(zip(places, judged, strict=True))
    return [verdicts[place] for place in range(len(pixels))]
