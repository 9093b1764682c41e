"""How many images a judge is shown at once, and less of them where memory runs short."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from prompts.structure import Prompt
from t2i_audit.errors import JudgeError
from t2i_audit.io import read_json, write_json
from t2i_audit.judges.base import Judge, Judgement
from t2i_audit.models.out_of_memory import runs_short
from t2i_audit.reporter import Reporter

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
        judged: list[Judgement] = []
        while len(judged) < len(prompts):
            start = len(judged)
            end = len(prompts) if self.size is None else min(start + self.size, len(prompts))
            found: list[Judgement] = []
            part = prompts[start:end], range(start, end)
            if runs_short(partial(_judge_part, judge, *part, read, found)):
                self._halve(judge, end - start)
            else:
                judged += found
        return judged

    def _halve(self, judge: Judge, tried: int) -> None:
        if tried == 1:
            raise JudgeError(
                f"memory runs short with a single image for judge {judge.name!r}; give a smaller "
                "judge, or judge the finished run with `t2i-audit judge`, when no checkpoint that "
                "makes images is beside it"
            )
        self.size = tried // 2
        self.reporter.note(
            f"memory runs short with {tried} images at once for judge {judge.name!r}; going on "
            f"with {self.size}"
        )
        write_json(self.folder / REMEMBERED, {SIZE: self.size})


def _judge_part(
    judge: Judge,
    prompts: Sequence[Prompt],
    indices: Sequence[int],
    read: Callable[[int], np.ndarray],
    found: list[Judgement],
) -> None:
    """Judge some images; a judge gets those of one size at a time."""
    pixels = [read(index) for index in indices]
    sizes: dict[tuple[int, ...], list[int]] = {}
    for place, image in enumerate(pixels):
        sizes.setdefault(image.shape, []).append(place)
    verdicts: dict[int, Judgement] = {}
    for places in sizes.values():
        images = np.stack([pixels[place] for place in places])
        judged = judge.judge(images, [prompts[place] for place in places])
        verdicts |= dict(zip(places, judged, strict=True))
    found += [verdicts[place] for place in range(len(pixels))]
