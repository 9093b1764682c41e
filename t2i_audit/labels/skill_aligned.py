"""Skill-aligned annotation (arXiv 2605.13223): a yes or no for each image, question and rater.

A row of its tables of yes and no (``anchor_bqa``, ``no_anchor_bqa``) holds ``image_id``,
``prompt_id``, ``generator``, ``annotator_id``, ``q_id`` and ``response``. The questions' words are
in a table of their own; joined as a column ``question``, they say which slot is asked for. Images
are known by ``image_id``, or by a joined column ``prompt`` where a prompt has a single one: its
prompt ids are its own.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from prompts.structure import Prompt
from t2i_audit.labels.answers import answer_of
from t2i_audit.labels.evalmuse import whole
from t2i_audit.labels.rows import LeftOut, Row, Verdict
from t2i_audit.labels.table import Table, require_columns, text_of
from t2i_audit.labels.wording import slot_about

COLUMNS = ("image_id", "annotator_id", "q_id", "response")
OPTIONAL = ("question", "prompt")
MODEL = "llm_judge"  # among the raters, but no person
RULE = (
    "the whole is right if the rater answers every question about the image with yes; a slot is "
    "right if the question that is about it is"
)


def read_skill_aligned(table: Table, path: Path) -> tuple[list[Row], list[LeftOut]]:
    """The labels of a table, one for each image and rater.

    Raises:
        LabelError: a column is missing.
    """
    require_columns(table, COLUMNS, path)
    images: defaultdict[str, set[str]] = defaultdict(set)
    answers: defaultdict[tuple[str, str], dict[str, bool | None]] = defaultdict(dict)
    first: dict[tuple[str, str], tuple[str, str]] = {}
    left_out: list[LeftOut] = []
    for where, cells in table.rows:
        image, prompt = text_of(cells.get("image_id")), text_of(cells.get("prompt"))
        rater = text_of(cells.get("annotator_id"))
        if rater == MODEL:
            left_out.append(LeftOut(where, "it is the answer of a model, not of a person"))
            continue
        try:
            answer = answer_of(cells.get("response"))
        except ValueError as err:
            left_out.append(LeftOut(where, str(err)))
            continue
        images[prompt].add(image)
        question = text_of(cells.get("question")) or text_of(cells.get("q_id"))
        answers[image, rater][question] = answer
        first.setdefault((image, rater), (where, prompt))
    rows = [
        Row(
            first[image, rater][0],
            rater,
            partial(_verdict, given),
            image=image,
            # A prompt has an image from each generator, so that its words alone name none.
            text=first[image, rater][1] if len(images[first[image, rater][1]]) == 1 else "",
        )
        for (image, rater), given in answers.items()
    ]
    return rows, left_out


def _verdict(answers: Mapping[str, bool | None], prompt: Prompt) -> Verdict:
    own = {part.slot for part in prompt.constituents}
    asked: defaultdict[str, list[bool | None]] = defaultdict(list)
    passed_over = []
    for question, answer in answers.items():
        slot = question if question in own else slot_about(question, prompt)
        if slot is None:
            passed_over.append("a question is about no single slot of its prompt")
        else:
            asked[slot].append(answer)
    slots = {slot: whole(given) for slot, given in asked.items()}
    return Verdict(whole(answers.values()), slots, passed_over=tuple(passed_over))
