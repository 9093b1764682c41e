"""From the rows of an imported file to prompts: duplicates, ids and foils.

The module of a format turns the rows of a file into `Draft`s; `finish` turns these into prompts.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from prompts.english.repeated_entities import without_repeated_entities
from prompts.errors import SuiteFormatError
from prompts.foils.from_text import as_template
from prompts.foils.make import draw_of, foils_of
from prompts.formats.notes import Notes
from prompts.generate import ID_DIGITS
from prompts.structure import Constituent, Foil, Prompt, SplitName, folded
from prompts.vocabulary import Vocabulary

Duplicates = Literal["drop", "keep", "refuse"]
EXAMPLES = 5  # texts without structure that a tally keeps as examples


@dataclass(frozen=True)
class Draft:
    """A row of an imported file, with the structure that was recognised."""

    where: str
    """File and row, for messages."""
    text: str
    type: str
    constituents: tuple[Constituent, ...] = ()
    """With spans in `text`; empty if only the text is known."""
    fixed: frozenset[str] = frozenset()
    """Slots that foils must not change."""
    id: str = ""
    """Its id in the source; if empty, the id becomes a hash of the text."""
    split: SplitName | None = None
    metadata: dict[str, Any] = field(default_factory=dict, hash=False)
    """Other columns of its row, as JSON values."""


@dataclass
class ImportTally:
    """Counts of the rows of one file."""

    rows: int = 0
    parsed: int = 0
    """Rows whose structure was recognised, including duplicates."""
    structured: int = 0
    """Prompts kept with constituents."""
    text_only: int = 0
    """Prompts kept as text only."""
    duplicates: int = 0
    """Rows whose text occurred before, after normalisation."""
    text_only_examples: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    """What was changed or detected; see `Notes`."""

    def keep(self, prompt: Prompt) -> None:
        """Count a prompt that is kept."""
        if prompt.constituents:
            self.structured += 1
            return
        self.text_only += 1
        if len(self.text_only_examples) < EXAMPLES:
            self.text_only_examples.append(prompt.text)

    @property
    def share_parsed(self) -> float:
        """Share of rows whose structure was recognised; NaN without rows."""
        return self.parsed / self.rows if self.rows else float("nan")


def finish(
    drafts: Iterable[Draft | Prompt],
    tally: ImportTally,
    *,
    vocabularies: Mapping[str, Vocabulary] | None = None,
    duplicates: Duplicates = "drop",
    seed: int = 0,
    known: dict[int, int] | None = None,
    ids: set[str] | None = None,
    notes: Notes | None = None,
) -> Iterator[Prompt]:
    """The prompts of `drafts`, with foils for those that have structure.

    Args:
        drafts: the rows of one file.
        tally: counts the rows as they are read.
        vocabularies: the words of each kind; prompts with kinds that are missing get no foils.
        duplicates: whether rows whose text occurred before are dropped, kept or refused.
        seed: decides which foils are made.
        known: how often each text occurred, by a hash; shared by the files of one import.
        ids: the ids so far, shared by the files of one import; a repeated id gets a number.
        notes: counts the repeated ids.

    Raises:
        SuiteFormatError: a text occurred before and `duplicates` is ``refuse``.
    """
    known = {} if known is None else known
    ids = set() if ids is None else ids
    notes = Notes() if notes is None else notes
    for draft in drafts:
        tally.rows += 1
        if isinstance(draft, Draft) and draft.constituents:
            draft = _without_repeats(draft, vocabularies or {})
        tally.parsed += bool(draft.constituents)
        digest = hashlib.sha256(_normalized(draft.text).encode()).digest()
        # Eight bytes per text, so that a million rows take little memory.
        key = int.from_bytes(digest[:8], "big")
        times = known.get(key, 0)
        known[key] = times + 1
        if times:
            tally.duplicates += 1
            if duplicates == "refuse":
                where = draft.where if isinstance(draft, Draft) else f"prompt {tally.rows}"
                raise SuiteFormatError(
                    f"{where}: {draft.text!r} occurred before; remove it, or import with "
                    "--duplicates drop or keep"
                )
            if duplicates == "drop":
                continue
        prompt = _prompt(draft, vocabularies or {}, seed) if isinstance(draft, Draft) else draft
        if isinstance(draft, Prompt) or draft.id:
            prompt = replace(prompt, id=_unique(prompt.id, ids, notes))
        elif times:
            prompt = replace(prompt, id=f"{prompt.id}-{times + 1}")
        tally.keep(prompt)
        yield prompt


def _prompt(draft: Draft, vocabularies: Mapping[str, Vocabulary], seed: int) -> Prompt:
    digest = hashlib.sha256(draft.text.encode()).hexdigest()[:ID_DIGITS]
    foils: tuple[Foil, ...] = ()
    # Without a vocabulary it is unknown which values exclude one another.
    if draft.constituents and all(part.kind in vocabularies for part in draft.constituents):
        foils = _foils(draft, vocabularies, draw_of(int(digest, 16), seed))
    return Prompt(
        draft.id or digest,
        draft.text,
        draft.type,
        draft.type,
        draft.constituents,
        foils,
        draft.split,
        draft.metadata,
    )


def _unique(own: str, ids: set[str], notes: Notes) -> str:
    identifier, number = own, 1
    while identifier in ids:
        number += 1
        identifier = f"{own}-{number}"
    if number > 1:
        notes.count(
            "{n} id occurred before and got a number appended",
            "{n} ids occurred before and got a number appended",
        )
    ids.add(identifier)
    return identifier


def _normalized(text: str) -> str:
    """Texts that differ only in case, spaces or a full stop are the same prompt."""
    return " ".join(text.casefold().split()).rstrip(".")


def _foils(draft: Draft, vocabularies: Mapping[str, Vocabulary], draw: int) -> tuple[Foil, ...]:
    template, digits, bounds = as_template(
        draft.text, draft.type, draft.constituents, vocabularies, fixed=draft.fixed
    )
    known = {folded(draft.text)}
    foils = []
    for foil in foils_of(template, digits, draft.text, bounds, draw):
        if (text := folded(foil.text)) not in known:
            known.add(text)
            foils.append(foil)
    return tuple(foils)


def _without_repeats(draft: Draft, vocabularies: Mapping[str, Vocabulary]) -> Draft:
    parts = sorted(draft.constituents, key=lambda part: part.start)
    if any(part.kind not in vocabularies for part in parts):
        return draft  # a format without vocabularies defines its entities itself
    kept = without_repeated_entities(draft.text, parts, vocabularies)
    return draft if len(kept) == len(parts) else replace(draft, constituents=kept)
