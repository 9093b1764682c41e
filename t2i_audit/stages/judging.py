"""Every picture held against its prompt."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from prompts.structure import Prompt
from t2i_audit.errors import RunDirectoryError
from t2i_audit.generation import Batch
from t2i_audit.io import sha256_of
from t2i_audit.judges.judgement import Judge, Judgement, require_readable, unjudged
from t2i_audit.models.shortage import out_of_memory_error, runs_short
from t2i_audit.progress import say
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
    Picture,
    judgement_shards,
    picture_shards,
    read_record,
)
from t2i_audit.stages.pictures import JudgeBatch


def judge_as_made(
    run: RunDirectory, judge: Judge, prompts: Sequence[Prompt], n_batches: int
) -> JudgeBatch | None:
    """Judges each batch of pictures as soon as it is made; None where all are judged already."""
    if _judged(run) is not None:
        return None
    by_id = {prompt.id: prompt for prompt in prompts}
    shards = Shards(run.path / JUDGEMENTS, n_batches)
    shards.folder.mkdir(exist_ok=True)

    def judge_batch(batch: Batch, pictures: Sequence[Picture], pixels: np.ndarray) -> None:
        path = shards.path(batch.index)
        rows = _judge_batch(judge, pictures, pixels, by_id)
        write_table(path, "judgements", table_from_rows("judgements", rows))

    return judge_batch


def judge_pictures(
    run: RunDirectory, judge: Judge, prompts: Sequence[Prompt], batches: Sequence[Batch]
) -> list[dict[str, Any]]:
    """Judge what is not judged yet, and merge all into the table ``judgements``.

    Raises `JudgeError` when the judge could read no picture at all, and `ModelError` when there was
    none to read.
    """
    done = _judged(run)
    if done is not None:
        return done
    table = table_path(run.path, "judgements")
    if run.is_done("judge"):
        say(f"{table} is missing or damaged; the images are judged again")
    by_id = {prompt.id: prompt for prompt in prompts}
    made = picture_shards(run.path, batches).paths()
    shards = judgement_shards(run.path, batches)
    shards.folder.mkdir(exist_ok=True)
    missing = shards.missing()
    total = sum(len(batch.items) for batch in batches)
    left = sum(len(batches[index].items) for index in missing)
    with run.stage("judge", total, done=total - left) as advance:
        for index in missing:
            pictures = read_record(made[index]).pictures
            pixels = np.stack([_pixels(run.path, picture) for picture in pictures])
            rows = _judge_batch(judge, pictures, pixels, by_id)
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


def _judged(run: RunDirectory) -> list[dict[str, Any]] | None:
    """The rows of the table ``judgements`` if it is done and sound."""
    try:
        rows = read_rows(table_path(run.path, "judgements"), "judgements")
    except RunDirectoryError:
        return None
    return rows if run.is_done("judge") else None


def _judge_batch(
    judge: Judge, pictures: Sequence[Picture], pixels: np.ndarray, prompts: dict[str, Prompt]
) -> list[dict[str, Any]]:
    verdicts: dict[Picture, Judgement] = {
        picture: unjudged(picture.flaw) for picture in pictures if picture.flaw
    }
    sound = [row for row, picture in enumerate(pictures) if not picture.flaw]
    if sound:
        own = [prompts[pictures[row].prompt_id] for row in sound]
        judged = _judge_with_room(judge, pixels[sound], own)
        verdicts |= {pictures[row]: verdict for row, verdict in zip(sound, judged, strict=True)}
    return [
        {
            "prompt_id": picture.prompt_id,
            "seed": picture.seed,
            "image": picture.image,
            "correct": verdicts[picture].correct,
            "readable": verdicts[picture].readable,
            "margin": verdicts[picture].margin,
            "chosen": verdicts[picture].chosen,
            "slots": dict(verdicts[picture].slots),
            "flaw": picture.flaw or None,
        }
        for picture in pictures
    ]


def _judge_with_room(
    judge: Judge, pixels: np.ndarray, prompts: Sequence[Prompt]
) -> list[Judgement]:
    """The verdicts on `pixels` ``(b, h, w, 3)``, in halves where memory runs short.

    The judge works beside the sampler, whose batches were found without it.

    Raises:
        ModelError: memory runs short for a single picture.
    """
    judged: list[Judgement] = []
    if not runs_short(lambda: judged.extend(judge.judge(pixels, prompts))):
        return judged
    if len(pixels) == 1:
        raise out_of_memory_error(1)
    half = len(pixels) // 2
    parts = (slice(None, half), slice(half, None))
    return [each for part in parts for each in _judge_with_room(judge, pixels[part], prompts[part])]


def _pixels(run: Path, picture: Picture) -> np.ndarray:
    from PIL import Image

    path = run / picture.image
    if not path.exists() or sha256_of(path) != picture.sha256:
        raise RunDirectoryError(
            f"{path} was changed while the audit ran; give the same command again"
        )
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))
