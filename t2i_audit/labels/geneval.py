"""GenEval's released annotations (Ghosh, Hajishirzi and Schmidt, arXiv 2310.11513), as they are.

Each row holds one worker's answers about an image: how many of each object there are (5 stands for
more than 4), which colours they have, whether the second object is left or right of, above or below
the first, and how well the caption fits. The released HIT template gives the questions. The file
does not name its workers.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from prompts.inflection import NUMBERS, number_of
from prompts.structure import Constituent, Prompt
from t2i_audit.labels.rows import LeftOut, Row, Verdict
from t2i_audit.labels.table import Table, require_columns, text_of

COLUMNS = (
    "Input.prompt_id", "Input.image_id", "Input.caption",
    "Input.object_0_name", "Input.object_1_name",
    "Answer.task-color-0", "Answer.task-color-1", "Answer.task-count-0", "Answer.task-count-1",
    "Answer.task-position-x", "Answer.task-position-y",
)  # fmt: skip
MOST = 4  # the largest number that a worker can give; the next stands for all above
RULE = (
    "an object is right if a worker counts at least one, a count if it is the one asked for, a "
    "colour if it is among those the worker names for the object, a relation if the worker's left, "
    "right, above or below is the one asked for; what belongs to an object that is not there is "
    "wrong; the whole is right if all its slots are; workers are numbered within each image"
)


def read_geneval(table: Table, path: Path) -> tuple[list[Row], list[LeftOut]]:
    """The answers of a table; rows that hold no answers about an image are left out.

    Raises:
        LabelError: a column is missing.
    """
    require_columns(table, COLUMNS, path)
    rows: list[Row] = []
    left_out: list[LeftOut] = []
    workers: Counter[tuple[str, int]] = Counter()
    for where, cells in table.rows:
        caption, image = text_of(cells["Input.caption"]), text_of(cells["Input.image_id"])
        names = [text_of(cells.get(f"Input.object_{place}_name")) for place in (0, 1)]
        if not image.isdecimal() or not text_of(cells["Input.prompt_id"]).isdecimal():
            left_out.append(LeftOut(where, "it is a stray row without a prompt and an image"))
            continue
        workers[caption, int(image)] += 1
        rows.append(
            Row(
                where,
                f"worker {workers[caption, int(image)]}",
                _Answers(cells, names).verdict,
                text=caption,
                seed=int(image),
            )
        )
    return rows, left_out


class _Answers:
    """The answers of one row."""

    def __init__(self, cells: Mapping[str, Any], names: list[str]) -> None:
        self.cells = cells
        self.names = names

    def verdict(self, prompt: Prompt) -> Verdict:
        """Which slots of `prompt` are right by these answers."""
        places: dict[str, int] = {}
        for part in prompt.constituents:
            if len(part.entities) == 1 and part.value in self.names:
                places[part.entities[0]] = self.names.index(part.value)
        entities = {entity for part in prompt.constituents for entity in part.entities}
        if not entities or entities - set(places):
            return Verdict(fault="the prompt in the run lacks the structure of GenEval's metadata")
        try:
            slots = {part.slot: self._is_right(part, places) for part in prompt.constituents}
        except ValueError as err:
            return Verdict(fault=str(err))
        if any(right is False for right in slots.values()):
            return Verdict(False, slots)
        return Verdict(True if all(slots.values()) else None, slots)

    def _is_right(self, part: Constituent, places: Mapping[str, int]) -> bool | None:
        counts = [self._count(places[entity]) for entity in part.entities]
        if any(count == 0 for count in counts):
            return False
        place = places[part.entities[0]]
        if part.kind == "colour":
            colours = [name for name in self._cell(f"Answer.task-color-{place}").split("|") if name]
            return part.value in colours if colours else None
        if part.kind == "relation":
            return self._relation(part, place)
        if counts[0] is None:
            return None
        if part.kind == "count":
            wanted = number_of(part.value) if part.value in NUMBERS else 0
            # More than four: it may be five, or fifty.
            return None if wanted > MOST < counts[0] else counts[0] == wanted
        return True

    def _relation(self, part: Constituent, place: int) -> bool | None:
        answers = {self._cell("Answer.task-position-x"), self._cell("Answer.task-position-y")}
        # The workers were asked where the second object is from the first.
        if place == 0:
            opposite = {"left": "right", "right": "left", "above": "below", "below": "above"}
            answers = {opposite.get(answer, answer) for answer in answers}
        return part.value.removesuffix(" of") in answers if answers != {""} else None

    def _count(self, place: int) -> int | None:
        text = self._cell(f"Answer.task-count-{place}").removesuffix(".0")
        if not text:
            return None
        if not text.isdecimal() or int(text) > MOST + 1:
            raise ValueError(f"{text[:20]!r} is no count from 0 to {MOST + 1}")
        return int(text)

    def _cell(self, column: str) -> str:
        return text_of(self.cells.get(column))
