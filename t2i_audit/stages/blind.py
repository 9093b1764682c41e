"""The blind baselines of a run's judge, on a sample of its images."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from prompts.structure import Prompt
from t2i_audit.io import dump_json, read_json, write_json
from t2i_audit.judges.base import Judge, Judgement
from t2i_audit.judges.blind import (
    Pixels,
    judge_blank,
    judge_shuffled,
    judge_text_only,
    looks_at_pixels,
    sample_of,
)
from t2i_audit.judges.room import Room
from t2i_audit.results.judge_facts import BlindBaselines, BlindRate
from t2i_audit.run.directory import RunDirectory
from t2i_audit.stages.files import ImageFile
from t2i_audit.stages.reading import read_pixels
from t2i_audit.stats.shares import clustered_share

if TYPE_CHECKING:
    from pydantic import TypeAdapter

STAGE = "blind"
FOLDER = "blind"
RULE = "1"  # changes with what is sampled and how it is paired

Row = dict[str, Any]
"""``correct`` and ``slots`` of one verdict, as in the table ``judgements``."""
Rows = list[Row | None]


def blind_baselines(
    run: RunDirectory,
    judge: Judge,
    prompts: Sequence[Prompt],
    judged: Sequence[Mapping[str, Any]],
    *,
    room: Room,
    seed: int,
) -> BlindBaselines | None:
    """What `judge` scores without the right image; None where there is nothing to sample.

    Each baseline is kept in the run's folder as soon as it is there, so that nothing is judged
    twice: neither after an interruption nor when the same images are judged by the same judge.

    Args:
        run: whose images are judged; they are read from its folder.
        judge: any judge.
        prompts: of the suite.
        judged: the judge's rows of the table ``judgements``; those without a verdict are left out.
        room: how many images the judge is shown at once.
        seed: decides the sample and the pairs.
    """
    sound = [row for row in judged if row["correct"] is not None]
    if not sound or not looks_at_pixels(judge):
        with run.stage(STAGE, 0):
            return None
    rows = [sound[index] for index in sample_of(len(sound), seed=seed)]
    by_id = {prompt.id: prompt for prompt in prompts}
    own = [by_id[row["prompt_id"]] for row in rows]
    path = run.path / FOLDER / f"{_digest(judge.name)[:16]}.json"
    path.parent.mkdir(exist_ok=True)
    key = _key(judge, own, rows, seed)
    kept = _kept(path, key, len(rows))

    def load(index: int) -> Pixels:
        row = rows[index]
        image = ImageFile(row["prompt_id"], row["seed"], row["image"], "", row["image_sha256"])
        return read_pixels(run.path, image)

    ways: dict[str, Callable[[], Sequence[Judgement | None] | None]] = {
        "shuffled": lambda: judge_shuffled(judge, own, load, room=room, seed=seed),
        "blank": lambda: judge_blank(judge, own, load, room=room),
        "text_only": lambda: judge_text_only(judge, own, load, room=room),
    }
    with run.stage(STAGE, len(ways), done=len(kept)) as advance:
        for name, way in ways.items():
            if name not in kept:
                verdicts = way()
                kept[name] = None if verdicts is None else [_row(each) for each in verdicts]
                write_json(path, {"key": key, "rows": kept})
                advance()
    clusters = np.array([prompt.composition for prompt in own])
    rates = {
        name: None if found is None else _rate(found, clusters) for name, found in kept.items()
    }
    shuffled, blank = rates["shuffled"], rates["blank"]
    assert shuffled is not None
    assert blank is not None
    return BlindBaselines(len(rows), shuffled, blank, rates["text_only"])


def _key(
    judge: Judge, prompts: Sequence[Prompt], rows: Sequence[Mapping[str, Any]], seed: int
) -> str:
    """What the verdicts depend on."""
    return _digest(
        dump_json(
            {
                "rule": RULE,
                "seed": seed,
                "judge": {"name": judge.name, **judge.fingerprint},
                "images": [row["image_sha256"] for row in rows],
                "prompts": prompts,
            }
        )
    )


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _kept(path: Path, key: str, n: int) -> dict[str, Rows | None]:
    """The baselines that the file holds; none if it is damaged or of other images."""
    try:
        value = read_json(path)
        if value["key"] != key:
            return {}
        kept = _rows_adapter().validate_python(value["rows"])
    except (OSError, ValueError, TypeError, KeyError):
        return {}
    whole = {"shuffled", "blank", "text_only"}
    is_sound = kept.keys() <= whole and all(
        (found is None and name == "text_only") or (found is not None and len(found) == n)
        for name, found in kept.items()
    )
    return kept if is_sound else {}


@cache
def _rows_adapter() -> TypeAdapter[dict[str, Rows | None]]:
    from pydantic import TypeAdapter

    return TypeAdapter(dict[str, Rows | None])


def _row(verdict: Judgement | None) -> Row | None:
    if verdict is None:
        return None
    return {"correct": verdict.correct, "slots": dict(verdict.slots)}


def _rate(found: Rows, clusters: np.ndarray) -> BlindRate:
    slots = sorted({slot for row in found if row is not None for slot in row["slots"]})
    overall = [None if row is None else row["correct"] for row in found]
    by_slot = {
        slot: [None if row is None else row["slots"].get(slot) for row in found] for slot in slots
    }

    def rate(values: Sequence[bool | None]) -> Any:
        known = np.array([value is not None for value in values], dtype=bool)
        right = np.array([float(value) for value in values if value is not None])
        return clustered_share(right, clusters[known])

    return BlindRate(rate(overall), {slot: rate(values) for slot, values in by_slot.items()})
