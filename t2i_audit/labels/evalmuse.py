"""EvalMuse-40K's annotations (arXiv 2412.18150): a verdict per rater and element of the prompt.

An item of ``train_list.json`` holds ``prompt``, ``img_path``, ``total_score`` (one of 1 to 5 for
each rater) and ``element_score``: the text of an object from an element, such as ``cup (object)``,
to 0 or 1 for each rater.
"""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from prompts.structure import Prompt
from t2i_audit.labels.answers import answer_of
from t2i_audit.labels.rows import LeftOut, Row, Verdict
from t2i_audit.labels.table import Table, require_columns, text_of
from t2i_audit.labels.wording import slot_about

COLUMNS = ("prompt", "img_path", "element_score")
KIND = re.compile(r"\s*\([^()]*\)\s*$")  # of an element, behind its words
RULE = (
    "a slot is right if the rater finds the element that is about it, the whole if the rater finds "
    "every element; raters are numbered as the lists of scores are ordered"
)


def read_evalmuse(table: Table, path: Path) -> tuple[list[Row], list[LeftOut]]:
    """The labels of a table, one for each image and rater.

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
            scores = _scores(cells.get("element_score"))
        except ValueError as err:
            left_out.append(LeftOut(where, str(err)))
            continue
        for rater in range(max(map(len, scores.values()), default=0)):
            answers = {name: each[rater] for name, each in scores.items() if rater < len(each)}
            rows.append(
                Row(
                    where,
                    f"rater {rater + 1}",
                    partial(_verdict, answers),
                    image=text_of(cells.get("img_path")),
                    # Where a prompt has several images, its words do not say which is meant.
                    text=text if images[text] == 1 else "",
                )
            )
    return rows, left_out


def _scores(cell: Any) -> dict[str, list[bool | None]]:
    """Element -> verdict of each rater; a `ValueError` is the reason why the row is left out."""
    try:
        value = ast.literal_eval(cell) if isinstance(cell, str) else cell
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        value = None
    if not isinstance(value, Mapping) or not value:
        raise ValueError("its element_score is no object from element to scores")
    return {
        str(name): [answer_of(each) for each in (scores if isinstance(scores, list) else [scores])]
        for name, scores in value.items()
    }


def _verdict(answers: Mapping[str, bool | None], prompt: Prompt) -> Verdict:
    slots: dict[str, bool | None] = {}
    passed_over = []
    for element, right in answers.items():
        slot = slot_about(KIND.sub("", element), prompt)
        if slot is None or slot in slots:
            passed_over.append(f"element {element!r} is about no single slot of its prompt")
        else:
            slots[slot] = right
    return Verdict(whole(answers.values()), slots, passed_over=tuple(passed_over))


def whole(answers: Any) -> bool | None:
    """Whether all `answers` are right; None if none is wrong and one is unknown."""
    given = list(answers)
    if any(right is False for right in given):
        return False
    return True if given and all(given) else None
