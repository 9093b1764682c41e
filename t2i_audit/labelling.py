"""A page on which people label images of a finished run."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from prompts.structure import Prompt
from t2i_audit.errors import AuditError
from t2i_audit.images.thumbnails import SMALLEST, embedded
from t2i_audit.io import write_text
from t2i_audit.judges.questions import questions_of
from t2i_audit.labels.own import column_of
from t2i_audit.labels.page import PageItem, PageQuestion, render_page
from t2i_audit.labels.sample import Candidate, draw
from t2i_audit.pipelines.safety import BLOCKED, FLAT, NOT_FINITE
from t2i_audit.results.run import Run, load_run
from t2i_audit.results.run_prompts import prompts_of
from t2i_audit.run.images import read_image
from t2i_audit.run.tables import read_rows, table_path
from t2i_audit.settings import LabelSettings

MEGABYTE = 1_000_000
# Images that no judge is shown and no rate counts.
DAMAGED = frozenset((BLOCKED, FLAT, NOT_FINITE))
WHOLE = "Is everything in the prompt true of the image?"
COLUMNS = ("image", "prompt_id", "seed", "image_sha256", "rater", "weight", "correct")


def write_label_page(settings: LabelSettings) -> int:
    """Write the page for a sample of the images of a run; returns how many images it has.

    Raises:
        AuditError: the run has no images to label, the page cannot be written or would be too
            large.
        RunDirectoryError: there is no finished run, or its files are damaged.
    """
    _check_output(settings)
    run = load_run(settings.run)
    images = _images(run)
    if not images:
        raise AuditError(f"{settings.run} has no image that can be labelled")
    prompts = {prompt.id: prompt for prompt in prompts_of(run.path)}
    candidates = [_candidate(rows, prompts[rows[0]["prompt_id"]]) for rows in images]
    drawn = draw(candidates, settings.n, rng=np.random.default_rng(settings.seed))
    most = int(settings.max_mb * MEGABYTE) // len(drawn)
    items = []
    for each in drawn:
        row = images[each.index][0]
        items.append(_item(settings, run.path, row, prompts[row["prompt_id"]], each.weight, most))
    slots = dict.fromkeys(
        column for item in items for question in item.questions for column in question.columns
    )
    columns = (*COLUMNS, *(column for column in slots if column != "correct"))
    # The model's name would not be blind.
    title = f"{len(items)} images to label"
    write_text(settings.out, render_page(items, title=title, columns=columns))
    return len(items)


def _check_output(settings: LabelSettings) -> None:
    out = settings.out
    if out.is_dir():
        raise AuditError(f"-o should name a file, and {out} is a folder; give {out}/label.html")
    if settings.run.resolve() in out.resolve().parents:
        raise AuditError(f"{out} lies in the run directory {settings.run}; give -o a place outside")


def _images(run: Run) -> list[list[Mapping[str, Any]]]:
    """The rows of the table ``judgements`` of each image that can be labelled, primary first."""
    rows: list[Any] = list(read_rows(table_path(run.path, "judgements"), "judgements"))
    images: defaultdict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for row in rows:
        images[row["image"]].append(row)
    return [own for own in images.values() if not any(row["flaw"] in DAMAGED for row in own)]


def _candidate(rows: Sequence[Mapping[str, Any]], prompt: Prompt) -> Candidate:
    verdicts = {row["correct"] for row in rows} - {None}
    kinds = tuple(sorted({part.kind for part in prompt.constituents}))
    return Candidate(
        prompt.id, rows[0]["seed"], kinds, rows[0]["correct"], disputed=len(verdicts) > 1
    )


def _item(
    settings: LabelSettings,
    run: Path,
    row: Mapping[str, Any],
    prompt: Prompt,
    weight: float,
    most: int,
) -> PageItem:
    path = run / row["image"]
    try:
        content = read_image(path)
    except OSError:
        content = b""
    if hashlib.sha256(content).hexdigest() != row["image_sha256"]:
        raise AuditError(f"{path} is missing or was changed; mend the run by its own command")
    source = embedded(path, most)
    if source is None:
        raise AuditError(
            f"{settings.n} images do not fit into {settings.max_mb:g} MB even at {SMALLEST} "
            "pixels; give a smaller --n or a larger --max-mb"
        )
    return PageItem(
        row["image"],
        prompt.id,
        row["seed"],
        row["image_sha256"],
        round(weight, 6),
        prompt.text,
        source,
        _questions(prompt),
    )


def _questions(prompt: Prompt) -> tuple[PageQuestion, ...]:
    """One question for each constituent, and last whether the whole is right.

    Where one answer decides several slots they are asked for once.
    """
    columns: defaultdict[str, list[str]] = defaultdict(list)
    for question in questions_of(prompt):
        if question.slot:
            columns[question.text].append(column_of(question.slot))
    asked = [PageQuestion(tuple(own), text) for text, own in columns.items()]
    return (*asked, PageQuestion(("correct",), WHOLE))
