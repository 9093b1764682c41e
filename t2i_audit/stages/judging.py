"""Every picture held against its prompt."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from prompts.structure import Prompt
from t2i_audit.errors import RunDirectoryError
from t2i_audit.generation import Batch
from t2i_audit.io import sha256_of
from t2i_audit.judges.judgement import Judge, Judgement, require_readable, unjudged
from t2i_audit.run.directory import RunDirectory
from t2i_audit.run.shards import Shards
from t2i_audit.run.tables import (
    merge_shards,
    read_rows,
    table_from_rows,
    table_path,
    write_table,
)
from t2i_audit.stages.pictures import Picture, picture_shards, read_records

FOLDER = Path("judgements")


def judge_pictures(
    run: RunDirectory, judge: Judge, prompts: Sequence[Prompt], batches: Sequence[Batch]
) -> list[dict[str, Any]]:
    """Judge what is not judged yet, and merge all into the table ``judgements``.

    Raises `JudgeError` when the judge could read no picture at all.
    """
    table = table_path(run.path, "judgements")
    if run.is_done("judge") and table.exists():
        return read_rows(table, "judgements")
    by_id = {prompt.id: prompt for prompt in prompts}
    made = picture_shards(run.path, batches).paths()
    shards = Shards(run.path / FOLDER, len(batches))
    shards.folder.mkdir(exist_ok=True)
    missing = shards.missing()
    total = sum(len(batch.items) for batch in batches)
    left = sum(len(batches[index].items) for index in missing)
    with run.stage("judge", total, done=total - left) as advance:
        for index in missing:
            pictures = read_records(made[index])
            rows = _judge_batch(run.path, judge, pictures, by_id)
            write_table(shards.path(index), "judgements", table_from_rows("judgements", rows))
            advance(len(rows))
        merge_shards(shards, "judgements", table)
        rows = read_rows(table, "judgements")
        require_readable([bool(row["readable"]) for row in rows], judge=judge.name)
    shards.remove()
    return rows


def _judge_batch(
    run: Path, judge: Judge, pictures: Sequence[Picture], prompts: dict[str, Prompt]
) -> list[dict[str, Any]]:
    sound = [picture for picture in pictures if not picture.flaw]
    verdicts: dict[Picture, Judgement] = {
        picture: unjudged(picture.flaw) for picture in pictures if picture.flaw
    }
    if sound:
        pixels = np.stack([_pixels(run, picture) for picture in sound])
        judged = judge.judge(pixels, [prompts[picture.prompt_id] for picture in sound])
        verdicts |= dict(zip(sound, judged, strict=True))
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


def _pixels(run: Path, picture: Picture) -> np.ndarray:
    from PIL import Image

    path = run / picture.image
    advice = "delete the run directory's images folder and give the same command again"
    if not path.exists() or sha256_of(path) != picture.sha256:
        raise RunDirectoryError(f"{path} is missing or was changed since it was made; {advice}")
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))
