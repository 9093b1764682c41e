"""The program's own labels: a row for each rater and image, a column for each slot.

Columns: ``image`` or ``prompt_id`` (with ``seed``, 0 if it is not given), ``rater``, ``correct``,
``weight`` and ``image_sha256``; any other column is the slot of its name. A slot whose name is one
of these is written ``slot:NAME``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from prompts.structure import Prompt
from t2i_audit.errors import LabelError
from t2i_audit.labels.answers import answer_of
from t2i_audit.labels.rows import LeftOut, Row, Verdict
from t2i_audit.labels.table import Table, require_columns, text_of

RESERVED = ("image", "prompt_id", "seed", "rater", "correct", "weight", "image_sha256", "slots")
PREFIX = "slot:"
RULE = (
    "as the raters say; where a rater gives no verdict on the whole prompt, it is wrong if a slot "
    "is wrong and right if all its slots are right"
)
REMEDY = (
    "; a file of labels has a row for each rater and image, with image or prompt_id and seed, "
    "rater, correct, and a column for each slot"
)


def column_of(slot: str) -> str:
    """The column of a slot."""
    return f"{PREFIX}{slot}" if slot in RESERVED or slot.startswith(PREFIX) else slot


def read_own(table: Table, path: Path) -> tuple[list[Row], list[LeftOut]]:
    """The labels of a table.

    Raises:
        LabelError: a column is missing.
    """
    require_columns(table, ["rater"], path, hint=REMEDY)
    if not {"image", "prompt_id"} & set(table.columns):
        require_columns(table, ["prompt_id"], path, hint=REMEDY)
    if not set(table.columns) - {*RESERVED} and not {"correct", "slots"} & set(table.columns):
        raise LabelError(f"{path} has no answers: give a column correct, or one for each slot")
    rows: list[Row] = []
    left_out: list[LeftOut] = []
    for where, cells in table.rows:
        try:
            rows.append(_row(where, cells))
        except ValueError as err:
            left_out.append(LeftOut(where, str(err)))
    return rows, left_out


def _row(where: str, cells: Mapping[str, Any]) -> Row:
    """One row; a `ValueError` is the reason why it is left out."""
    image, prompt_id = text_of(cells.get("image")), text_of(cells.get("prompt_id"))
    rater = text_of(cells.get("rater"))
    if not image and not prompt_id:
        raise ValueError("it names neither an image nor a prompt_id")
    if not rater:
        raise ValueError("it names no rater")
    given = text_of(cells.get("correct"))
    correct = answer_of(given) if given else None
    slots = _slots(cells)
    if not given and not slots:
        raise ValueError("it has no answer")

    return Row(
        where,
        rater,
        partial(_verdict, correct, bool(given), slots),
        image=image,
        prompt_id=prompt_id,
        seed=_seed(text_of(cells.get("seed"))),
        sha256=text_of(cells.get("image_sha256")).lower(),
        weight=_weight(text_of(cells.get("weight"))),
    )


def _slots(cells: Mapping[str, Any]) -> dict[str, Any]:
    """Slot -> answer, where there is one."""
    nested = cells.get("slots") or {}
    if not isinstance(nested, Mapping):
        raise ValueError("its slots are no object of slot and answer")
    columns = {
        name.removeprefix(PREFIX): cell for name, cell in cells.items() if name not in RESERVED
    }
    found = {**columns, **nested}
    # In JSON, null is an answer: the rater cannot tell.
    return {slot: cell for slot, cell in found.items() if cell is None or text_of(cell)}


def _verdict(
    correct: bool | None, is_given: bool, answers: Mapping[str, Any], prompt: Prompt
) -> Verdict:
    own = {part.slot for part in prompt.constituents}
    slots: dict[str, bool | None] = {}
    passed_over = []
    for slot, cell in answers.items():
        if slot not in own:
            passed_over.append(f"its prompt has no slot {slot!r}")
            continue
        try:
            slots[slot] = None if cell is None else answer_of(cell)
        except ValueError as err:
            return Verdict(fault=f"slot {slot!r}: {err}")
    if not is_given:
        correct = whole_of(slots, own)
    return Verdict(correct, slots, passed_over=tuple(passed_over))


def whole_of(slots: Mapping[str, bool | None], own: set[str]) -> bool | None:
    """Whether an image shows a whole prompt whose slots are `own`, by verdicts on slots alone."""
    if any(right is False for right in slots.values()):
        return False
    return True if own and all(slots.get(slot) for slot in own) else None


def _seed(text: str) -> int | None:
    if not text:
        return None
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    # A spreadsheet or pandas may have written 1.0.
    if not (number >= 0 and number.is_integer()):
        raise ValueError(f"its seed {text[:20]!r} is no number of an image, counted from 0")
    return int(number)


def _weight(text: str) -> float:
    if not text:
        return 1.0
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not (math.isfinite(number) and number > 0):
        raise ValueError(f"its weight {text[:20]!r} is no number above 0")
    return number
