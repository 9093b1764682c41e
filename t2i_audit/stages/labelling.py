"""A judge's verdicts on images of a finished run, taken as labels."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from t2i_audit.errors import RunDirectoryError
from t2i_audit.images.decode import pixels_of
from t2i_audit.judges.base import Judge, require_readable
from t2i_audit.labels.label import Label
from t2i_audit.reporter import Reporter
from t2i_audit.run.images import read_image

if TYPE_CHECKING:
    import numpy as np

    from prompts.structure import Prompt

BATCH = 32  # images that are judged at once


def labels_by(
    judge: Judge,
    run: Path,
    rows: Sequence[Mapping[str, Any]],
    prompts: Sequence[Prompt],
    reporter: Reporter,
) -> list[Label]:
    """The labels that `judge` gives; images that it cannot judge or read get none.

    Args:
        judge: labels the images.
        run: the run directory.
        rows: of the table ``judgements``, of the images to label.
        prompts: of the run.
        reporter: receives the progress.

    Raises:
        RunDirectoryError: an image is missing or was changed.
        JudgeError: the judge fails, or can read none of the images.
    """
    import numpy as np

    by_id = {prompt.id: prompt for prompt in prompts}
    own = list(dict.fromkeys(str(row["prompt_id"]) for row in rows))
    scope = judge.scope([by_id[prompt_id] for prompt_id in own])
    wanted = [row for row in rows if row["prompt_id"] not in scope.unjudgeable]
    labels, readable = [], []
    with reporter.stage("label", len(rows), done=len(rows) - len(wanted)) as advance:
        for pairs in _batches((row, _pixels(run, row)) for row in wanted):
            images = np.stack([image for _, image in pairs])
            verdicts = judge.judge(images, [by_id[str(row["prompt_id"])] for row, _ in pairs])
            readable += [each.readable for each in verdicts]
            labels += [
                Label(str(row["prompt_id"]), int(row["seed"]), judge.name, each.correct, each.slots)
                for (row, _), each in zip(pairs, verdicts, strict=True)
                if not each.flaw
            ]
            advance(len(pairs))
    if readable:
        require_readable(readable, judge=judge.name)
    return labels


def labels_from_rows(rows: Sequence[Mapping[str, Any]]) -> list[Label]:
    """The labels that rows of the table ``judgements`` of one judge stand for."""
    return [
        Label(row["prompt_id"], row["seed"], row["judge"], row["correct"], row["slots"])
        for row in rows
        if row["correct"] is not None
    ]


def _batches(
    pairs: Iterator[tuple[Mapping[str, Any], np.ndarray]],
) -> Iterator[list[tuple[Mapping[str, Any], np.ndarray]]]:
    """Up to `BATCH` neighbours of one size."""
    for _, same in groupby(pairs, lambda pair: pair[1].shape):
        while batch := list(islice(same, BATCH)):
            yield batch


def _pixels(run: Path, row: Mapping[str, Any]) -> np.ndarray:
    path = run / str(row["image"])
    try:
        content = read_image(path)
    except OSError:
        content = b""
    if hashlib.sha256(content).hexdigest() != row["image_sha256"]:
        raise RunDirectoryError(
            f"{path} is missing or was changed since it was judged; restore it, or give the "
            "command that made the run again"
        )
    return pixels_of(content, path)
