"""Rapidata's rich human feedback: words of the prompt that people marked as not shown.

A row of the Parquet files holds ``image``, ``prompt`` and ``word_scores``: JSON, a list of word and
score. A higher score means that more people marked the word; ``[No_mistakes]`` is what those chose
who found everything shown. The answers of many people are one row, which names none of them.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from prompts.structure import Prompt
from t2i_audit.labels.rows import LeftOut, Row, Verdict
from t2i_audit.labels.table import Table, require_columns, text_of
from t2i_audit.labels.wording import slots_with

COLUMNS = ("prompt", "word_scores")
OPTIONAL = ("image",)
NO_MISTAKES = "[No_mistakes]"
CROWD = "crowd"
RULE = (
    "a word is not shown if it was marked more than [No_mistakes] was; a slot is wrong if one of "
    "its words is not shown, the whole if any word of the prompt is; the many people are one rater"
)


def read_rapidata(table: Table, path: Path) -> tuple[list[Row], list[LeftOut]]:
    """The labels of a table, one for each image.

    Raises:
        LabelError: a column is missing.
    """
    require_columns(table, COLUMNS, path)
    images = Counter(text_of(cells.get("prompt")) for _, cells in table.rows)
    rows: list[Row] = []
    left_out: list[LeftOut] = []
    for where, cells in table.rows:
        text = text_of(cells.get("prompt"))
        try:
            scores = _scores(cells.get("word_scores"))
        except ValueError as err:
            left_out.append(LeftOut(where, str(err)))
            continue
        rows.append(
            Row(
                where,
                CROWD,
                partial(_verdict, scores),
                image=_name(cells.get("image")),
                text=text if images[text] == 1 else "",
            )
        )
    return rows, left_out


def _name(cell: Any) -> str:
    """The file name of an image, which the library `datasets` stores beside its bytes."""
    return text_of(cell.get("path") if isinstance(cell, Mapping) else cell)


def _scores(cell: Any) -> list[tuple[str, float]]:
    """Words with their scores; a `ValueError` is the reason why the row is left out."""
    try:
        value = json.loads(cell) if isinstance(cell, str) else cell
        pairs = list(value.items()) if isinstance(value, Mapping) else list(value)
        scores = [(str(word), float(score)) for word, score in pairs]
    except (ValueError, TypeError, RecursionError):
        raise ValueError("its word_scores are no list of word and score") from None
    if not scores or not all(math.isfinite(score) and score >= 0 for _, score in scores):
        raise ValueError("its word_scores are off the scale: a score is a number from 0")
    return scores


def _verdict(scores: list[tuple[str, float]], prompt: Prompt) -> Verdict:
    limit = sum(score for word, score in scores if word == NO_MISTAKES)
    hidden = [word for word, score in scores if word != NO_MISTAKES and score > limit]
    wrong = {slot for word in hidden for slot in slots_with(word, prompt)}
    slots = {part.slot: part.slot not in wrong for part in prompt.constituents}
    return Verdict(not hidden, slots)
