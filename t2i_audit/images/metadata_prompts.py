"""The prompts of images that come without a suite, from the metadata beside them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

from prompts.errors import PromptsError
from prompts.structure import Prompt
from t2i_audit.images.listing import Entry, ImagesError

GENEVAL = {"tag", "include", "prompt"}
STRUCTURED = {"constituents", "foils"}


def prompts_of(entries: Sequence[Entry], *, source: Path) -> tuple[Prompt, ...]:
    """The prompts of `entries`, each text once, with structure where the metadata have it.

    Rows of GenEval's metadata are imported as such, with foils, and rows with constituents and
    foils (as `Run.dataset` has them) as they are. Any other prompt is a text without structure.

    Args:
        entries: of a listing.
        source: the folder of images, for messages.

    Raises:
        ImagesError: no entry has a text, or the metadata cannot be imported.
    """
    by_text: dict[str, Entry] = {}
    for entry in entries:
        if entry.text:
            by_text.setdefault(entry.text, entry)
    if not by_text:
        raise ImagesError(
            f"{source} names no prompt by its text, so a suite is needed; give --suite FILE"
        )
    try:
        return _imported(list(by_text.values()), f"the metadata of {source}")
    except PromptsError as err:
        raise ImagesError(str(err)) from err


def _imported(entries: Sequence[Entry], source: str) -> tuple[Prompt, ...]:
    from prompts.formats.drafts import Draft, ImportTally, finish
    from prompts.formats.geneval import geneval_vocabularies, read_geneval
    from prompts.formats.notes import Notes
    from prompts.formats.rows import COLUMNS, TEXT_ONLY, ColumnNames, from_rows

    rows = [entry.row for entry in entries]
    if all(row.keys() >= GENEVAL for row in rows):
        drafts = list(read_geneval([f"{json.dumps(dict(row))}\n" for row in rows], source=source))
        vocabularies = geneval_vocabularies(drafts)
        return tuple(finish(drafts, ImportTally(), vocabularies=vocabularies, duplicates="keep"))
    if all(row.keys() >= STRUCTURED for row in rows):
        table = [(entry.where, _suite_row(entry)) for entry in entries]
        whole = from_rows(table, COLUMNS, source=source, names=ColumnNames(), notes=Notes())
        return tuple(finish(whole, ImportTally(), duplicates="keep"))
    texts = (
        Draft(entry.where, entry.text, str(entry.row.get("type") or TEXT_ONLY), id=entry.prompt_id)
        for entry in entries
    )
    return tuple(finish(texts, ImportTally(), duplicates="keep"))


def _suite_row(entry: Entry) -> dict[str, Any]:
    """The row of an image as the row of a suite; a template that is not given is its own type."""
    from prompts.formats.rows import TEXT_ONLY
    from prompts.generate import ID_DIGITS

    row = entry.row
    kind = str(row.get("type") or TEXT_ONLY)
    return {
        "id": entry.prompt_id or sha256(entry.text.encode()).hexdigest()[:ID_DIGITS],
        "text": entry.text,
        "type": kind,
        "template": str(row.get("template") or kind),
        "split": row.get("split") or None,
        "constituents": row["constituents"],
        "foils": row["foils"],
    }
