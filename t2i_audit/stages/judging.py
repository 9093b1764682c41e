"""Every image is judged by its prompt."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from prompts.structure import Prompt
from t2i_audit.errors import RunDirectoryError
from t2i_audit.generation import Batch
from t2i_audit.images.decode import pixels_in
from t2i_audit.io import sha256_of
from t2i_audit.judges.base import Judge, Judgement, require_readable, unjudged
from t2i_audit.models.out_of_memory import out_of_memory_error, runs_short
from t2i_audit.run.directory import RunDirectory
from t2i_audit.run.shards import Shards
from t2i_audit.run.tables import (
    merge_shards,
    read_rows,
    table_from_rows,
    table_path,
    write_table,
)
from t2i_audit.stages.files import (
    JUDGEMENTS,
    ImageFile,
    image_shards,
    judged_image,
    judgement_shards,
    named,
    read_record,
)
from t2i_audit.stages.images import JudgeBatch


def judge_as_made(
    run: RunDirectory,
    judge: Judge,
    prompts: Sequence[Prompt],
    n_batches: int,
    *,
    unjudgeable: Mapping[str, str],
) -> JudgeBatch | None:
    """A function that judges each batch as soon as it is made; None if all are judged already.

    Args:
        run: where the judgements are kept.
        judge: judges the images.
        prompts: the prompts of the images.
        n_batches: number of batches in the whole run.
        unjudgeable: id of each prompt that the judge cannot judge, and why.
    """
    if _judged(run) is not None:
        return None
    by_id = {prompt.id: prompt for prompt in prompts}
    shards = Shards(run.path / JUDGEMENTS, n_batches)
    shards.folder.mkdir(exist_ok=True)

    def judge_batch(batch: Batch, images: Sequence[ImageFile], pixels: np.ndarray) -> None:
        path = shards.path(batch.index)
        rows = _judge_batch(judge, images, pixels, by_id, unjudgeable)
        write_table(path, "judgements", table_from_rows("judgements", rows))

    return judge_batch


def judge_images(
    run: RunDirectory,
    judge: Judge,
    prompts: Sequence[Prompt],
    batches: Sequence[Batch],
    *,
    unjudgeable: Mapping[str, str],
) -> list[dict[str, Any]]:
    """Judge what is not judged yet, and merge all into the table ``judgements``.

    Images of prompts that are `unjudgeable` (id -> reason) get a row without a verdict.

    Raises:
        JudgeError: the judge could not read a single image.
        ModelError: every image has a flaw, so there was none to read.
    """
    done = _judged(run)
    images = [read_record(path).images for path in image_shards(run.path, batches).paths()]
    own = [named(image) for batch in images for image in batch]
    if done is not None and [judged_image(row) for row in done] == own:
        return done
    table = table_path(run.path, "judgements")
    shards = judgement_shards(run.path, batches)
    shards.folder.mkdir(exist_ok=True)
    if done is not None:
        _keep_judgements(done, images, shards)
    elif run.is_done("judge"):
        run.reporter.note(f"{table} is missing or damaged; the images are judged again")
    by_id = {prompt.id: prompt for prompt in prompts}
    missing = shards.missing()
    total = sum(len(batch.items) for batch in batches)
    left = sum(len(batches[index].items) for index in missing)
    with run.stage("judge", total, done=total - left) as advance:
        for index in missing:
            pixels = [_pixels(run.path, image) for image in images[index]]
            rows = _judge_batch(judge, images[index], pixels, by_id, unjudgeable)
            write_table(shards.path(index), "judgements", table_from_rows("judgements", rows))
            advance(len(rows))
        merge_shards(shards, "judgements", table)
        rows = read_rows(table, "judgements")
        flaws = Counter(str(row["flaw"]) for row in rows if row["flaw"])
        run.count_flaws(flaws)
        require_readable(
            [bool(row["readable"]) for row in rows],
            judge=judge.name,
            flaws=flaws,
            dtype=str(run.manifest.settings.get("dtype")),
        )
    shards.remove()
    return rows


def _keep_judgements(
    done: Sequence[dict[str, Any]], images: Sequence[Sequence[ImageFile]], shards: Shards
) -> None:
    """Split a table of judgements into batches again, without those whose images changed."""
    row_of = {judged_image(row): row for row in done}
    for index, batch in enumerate(images):
        if all(named(image) in row_of for image in batch):
            rows = [row_of[named(image)] for image in batch]
            write_table(shards.path(index), "judgements", table_from_rows("judgements", rows))


def _judged(run: RunDirectory) -> list[dict[str, Any]] | None:
    """The rows of the table ``judgements`` if it is complete and intact."""
    try:
        rows = read_rows(table_path(run.path, "judgements"), "judgements")
    except RunDirectoryError:
        return None
    return rows if run.is_done("judge") else None


def _judge_batch(
    judge: Judge,
    images: Sequence[ImageFile],
    pixels: Sequence[np.ndarray] | np.ndarray,
    prompts: dict[str, Prompt],
    unjudgeable: Mapping[str, str],
) -> list[dict[str, Any]]:
    # A flaw of the image comes first, as no judge can judge such an image.
    flaws = [image.flaw or unjudgeable.get(image.prompt_id, "") for image in images]
    verdicts: dict[ImageFile, Judgement] = {
        image: unjudged(flaw) for image, flaw in zip(images, flaws, strict=True) if flaw
    }
    # Images from elsewhere may have several sizes, and a judge gets those of one size at a time.
    sizes: dict[tuple[int, ...], list[int]] = {}
    for row in (row for row, flaw in enumerate(flaws) if not flaw):
        sizes.setdefault(pixels[row].shape, []).append(row)
    for rows in sizes.values():
        own = [prompts[images[row].prompt_id] for row in rows]
        judged = _judge_with_room(judge, np.stack([pixels[row] for row in rows]), own)
        verdicts |= {images[row]: verdict for row, verdict in zip(rows, judged, strict=True)}
    return [
        {
            "prompt_id": image.prompt_id,
            "seed": image.seed,
            "image": image.image,
            "image_sha256": image.sha256,
            "judge": judge.name,
            "correct": verdicts[image].correct,
            "readable": verdicts[image].readable,
            "margin": verdicts[image].margin,
            "chosen": verdicts[image].chosen,
            "slots": dict(verdicts[image].slots),
            "probability": verdicts[image].probability,
            "slot_probabilities": dict(verdicts[image].slot_probabilities),
            "scores": dict(verdicts[image].scores),
            "flaw": verdicts[image].flaw or None,
        }
        for image in images
    ]


def _judge_with_room(
    judge: Judge, pixels: np.ndarray, prompts: Sequence[Prompt]
) -> list[Judgement]:
    """The verdicts on `pixels` ``(b, h, w, 3)``, in halves where memory runs short.

    The judge runs beside the sampler, whose batch size was found without it.

    Raises:
        ModelError: there is not enough memory for a single image.
    """
    judged: list[Judgement] = []
    if not runs_short(lambda: judged.extend(judge.judge(pixels, prompts))):
        return judged
    if len(pixels) == 1:
        raise out_of_memory_error(1)
    half = len(pixels) // 2
    parts = (slice(None, half), slice(half, None))
    return [each for part in parts for each in _judge_with_room(judge, pixels[part], prompts[part])]


def _pixels(run: Path, file: ImageFile) -> np.ndarray:
    path = run / file.image
    if not path.exists() or sha256_of(path) != file.sha256:
        raise RunDirectoryError(
            f"{path} was changed while the audit ran; give the same command again"
        )
    return pixels_in(path)
