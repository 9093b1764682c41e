"""A run as CSV: a row for each image."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from t2i_audit.errors import AuditError
from t2i_audit.report.spreadsheet import Cell, csv_text
from t2i_audit.results.run import Run
from t2i_audit.results.verdict_rows import all_rows
from t2i_audit.run.columns import Column
from t2i_audit.run.tables import read_rows, table_path

SLOT, JUDGE = "slot.", "judge."

COLUMNS = (
    Column("model", "string", "", "The checkpoint, or who made the images."),
    Column("judge", "string", "", "The judge of all columns but `judge.*`."),
    Column("prompt_id", "string", "", "The prompt's id in its suite."),
    Column("seed", "int32", "", "Seed index, from 0."),
    Column("prompt", "string", "", "The prompt's text."),
    Column("type", "string", "", "Prompt type, e.g. relation."),
    Column("template", "string", "", "The wording it was written with."),
    Column("split", "string", "", "seen or held_out, where the suite has a split.", optional=True),
    Column("image", "string", "", "File in the run directory."),
    Column("correct", "bool", "", "Whether the image shows the prompt.", optional=True),
    Column(f"{SLOT}*", "bool", "", "For each slot, whether it is right.", optional=True),
    Column("margin", "float64", "judge's score", "Caption over its best rival.", optional=True),
    Column(
        "probability",
        "float64",
        "probability",
        "That the prompt is true of the image, in the judge's opinion.",
        optional=True,
    ),
    Column("chosen", "string", "", "The caption chosen, or what the judge read."),
    Column("flaw", "string", "", "Why `correct` is empty.", optional=True),
    Column(f"{JUDGE}*", "bool", "", "For each other judge, its `correct`.", optional=True),
    Column(
        "culprit",
        "string",
        "",
        "What most of the prompt's wrong images are attributed to.",
        optional=True,
    ),
    Column(
        "text_encoder_decodability",
        "float64",
        "probability",
        "Of the prompt's weakest slot at the text encoder.",
        optional=True,
    ),
    Column(
        "denoiser_decodability",
        "float64",
        "probability",
        "The same at the denoiser.",
        optional=True,
    ),
)


def verdicts_csv(run: Run) -> str:
    """The verdicts of `run` as CSV, a row for each image; `COLUMNS` explains the columns.

    Raises:
        AuditError: the run made no images.
        RunDirectoryError: a table cannot be read.
    """
    if not run.summary.n_images:
        raise AuditError(f"{run.path} is the run of a probe and made no images")
    verdicts = all_rows(run)
    own = [row for row in verdicts if row["judge"] == run.summary.judge]
    slots = dict.fromkeys(slot for row in own for slot in row["slots"])
    judges = dict.fromkeys(row["judge"] for row in verdicts if row["judge"] != run.summary.judge)
    others = {(row["image"], row["judge"]): row["correct"] for row in verdicts}
    families = {f"{SLOT}*": [f"{SLOT}{slot}" for slot in slots]}
    families[f"{JUDGE}*"] = [f"{JUDGE}{judge}" for judge in judges]
    columns = [each for column in COLUMNS for each in families.get(column.name, [column.name])]

    def rows() -> Iterator[Mapping[str, Cell]]:
        prompts, causes = (
            {row["prompt_id"]: row for row in read_rows(table_path(run.path, name), name)}
            for name in ("prompts", "attributions")
        )
        for row in own:
            prompt: Mapping[str, Any] = prompts[row["prompt_id"]]
            cause: Mapping[str, Any] = causes[row["prompt_id"]]
            cells = {
                **row,
                "model": run.summary.model,
                "prompt": prompt["text"],
                "type": prompt["type"],
                "template": prompt["template"],
                "split": prompt["split"],
                "culprit": cause["cause"],
                "text_encoder_decodability": cause["text_decodability"],
                "denoiser_decodability": cause["denoiser_decodability"],
                **{f"{SLOT}{slot}": row["slots"].get(slot) for slot in slots},
                **{f"{JUDGE}{judge}": others.get((row["image"], judge)) for judge in judges},
            }
            yield {name: _cell(cells[name]) for name in columns}

    return csv_text(columns, rows())


def _cell(value: Any) -> Cell:
    """`value` as a cell; what is undefined is empty, which any reader takes for missing."""
    return None if isinstance(value, float) and math.isnan(value) else value
