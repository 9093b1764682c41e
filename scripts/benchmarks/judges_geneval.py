"""The GenEval judge against a bare loop over the same detector and colour model."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from PIL import Image

from prompts.structure import Prompt
from prompts.world import content_of, sample_suite
from scripts.benchmarks.line import Line, over, timed
from t2i_audit.judges.geneval import GenEvalJudge
from t2i_audit.world.render import render
from t2i_audit.world.scenes import place

IMAGES, BATCH = 256, 32


def geneval(rounds: int, limit: int) -> list[Line]:
    """Judging renders by our judge over the models' own calls on the same batches."""
    count = min(limit, IMAGES)
    prompts = sample_suite([("relation", "seen", count)], seed=5)
    rng = np.random.default_rng(5)
    images = render([place(content_of(prompt), rng) for prompt in prompts])
    judge = GenEvalJudge.from_spec("geneval", device="cpu")
    return [compared(judge, bare_loop(judge), images, prompts, rounds)]


def compared(
    judge: GenEvalJudge,
    bare: Callable[[np.ndarray], None],
    images: np.ndarray,
    prompts: Sequence[Prompt],
    rounds: int,
) -> Line:
    """`judge` and the `bare` loop in turns, in the same batches."""
    starts = range(0, len(images), BATCH)

    def judged() -> None:
        for start in starts:
            judge.judge(images[start : start + BATCH], prompts[start : start + BATCH])

    def looped() -> None:
        for start in starts:
            bare(images[start : start + BATCH])

    judged()  # the first pass also encodes the colours' texts
    looped()
    ours: list[float] = []
    raw: list[float] = []
    for number in range(rounds):
        # A machine's clock drifts within a round, so each side comes first in its turn.
        for work, seconds in ((judged, ours), (looped, raw))[:: 1 if number % 2 else -1]:
            seconds.append(timed(work))
    speed = len(images) / float(np.median(ours))
    what = f"geneval judge of {len(images)} images, batch {BATCH}, over a bare detector and CLIP"
    remark = f"The geneval judge judged {speed:.0f} images/s on this machine."
    return Line(what, tuple(ours), over(ours, raw), "<= 1.05", remark)


def bare_loop(judge: GenEvalJudge) -> Callable[[np.ndarray], None]:
    """What anybody would write: the detector, then CLIP on the crops of its two best boxes."""
    detector, colours = judge.detector, judge.colours

    @torch.no_grad()
    def run(images: np.ndarray) -> None:
        shown = [Image.fromarray(image) for image in images]
        outputs = detector.model(**detector.processor(images=shown, return_tensors="pt"))
        sizes = torch.tensor([(image.height, image.width) for image in shown])
        results = detector.processor.post_process_object_detection(
            outputs, threshold=judge.rules.threshold, target_sizes=sizes
        )
        crops = [
            colours.preprocess(image.crop(tuple(round(edge) for edge in box)))
            for image, result in zip(shown, results, strict=True)
            for box in result["boxes"][:2].tolist()
        ]
        colours.model.encode_image(torch.stack(crops), normalize=True)

    return run
