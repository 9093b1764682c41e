"""What every import has in common: text made clean, doubles told, foils added.

A format's own module turns its rows into `Draft`s; `finish` makes prompts of them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from prompts.english.mentions import mentions_of
from prompts.english.repeated_entities import without_repeated_entities
from prompts.english.words import article_before
from prompts.errors import SuiteFormatError
from prompts.foils.make import draw_of, foils_of
from prompts.formats.notes import Notes
from prompts.generate import ID_DIGITS
from prompts.grammar.compile import make_template
from prompts.grammar.slots import TemplateSlot, choices_of
from prompts.grammar.template import Template
from prompts.structure import Constituent, Foil, Prompt, Split, folded
from prompts.vocabulary import Vocabulary

Duplicates = Literal["drop", "keep", "refuse"]
EXAMPLES = 5  # texts without structure that a tally keeps


@dataclass(frozen=True)
class Draft:
    """A row of a foreign file, as far as it was understood."""

    where: str
    """File and row, for messages."""
    text: str
    type: str
    constituents: tuple[Constituent, ...] = ()
    """With spans in `text`; empty where only the text is known."""
    fixed: frozenset[str] = frozenset()
    """Slots that foils leave alone."""
    id: str = ""
    """What its source calls it; without a name it is called by a hash of its text."""
    split: Split | None = None
    metadata: dict[str, Any] = field(default_factory=dict, hash=False)
    """Other columns of its row, as JSON values."""


@dataclass
class ImportTally:
    """What became of the rows of one file."""

    rows: int = 0
    parsed: int = 0
    """Rows whose structure was understood, duplicates included."""
    structured: int = 0
    """Prompts kept with constituents."""
    text_only: int = 0
    """Prompts kept as text alone."""
    duplicates: int = 0
    """Rows whose text was there already, after normalisation."""
    text_only_examples: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    """What was done to the file on its way in; see `Notes`."""

    @property
    def share_parsed(self) -> float:
        """Share of the rows whose structure was understood; NaN without rows."""
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
    """Prompts of `drafts`, with foils where there is structure; fills `tally` on the way.

    `known` and `ids` remember texts and ids over several files: how often each text occurred, by a
    hash, and which ids the files gave. An id that recurs gets a number, and `notes` count it.

    Raises `SuiteFormatError` for a double row where `duplicates` is ``refuse``.
    """
    known = {} if known is None else known
    ids = set() if ids is None else ids
    notes = Notes() if notes is None else notes
    for draft in drafts:
        tally.rows += 1
        if isinstance(draft, Draft) and draft.constituents:
            draft = _without_repeats(draft, vocabularies or {})
        tally.parsed += bool(draft.constituents)
        digest = hashlib.sha256(_normal(draft.text).encode()).digest()
        # Eight bytes a text, so that a million rows take little memory.
        key = int.from_bytes(digest[:8], "big")
        times = known.get(key, 0)
        known[key] = times + 1
        if times:
            tally.duplicates += 1
            if duplicates == "refuse":
                where = draft.where if isinstance(draft, Draft) else f"prompt {tally.rows}"
                raise SuiteFormatError(
                    f"{where}: {draft.text!r} was there before; drop it, or import with "
                    "--duplicates drop or keep"
                )
            if duplicates == "drop":
                continue
        prompt = _prompt(draft, vocabularies or {}, seed) if isinstance(draft, Draft) else draft
        if isinstance(draft, Prompt) or draft.id:
            prompt = replace(prompt, id=_unique(prompt.id, ids, notes))
        elif times:
            prompt = replace(prompt, id=f"{prompt.id}-{times + 1}")
        if prompt.constituents:
            tally.structured += 1
        else:
            tally.text_only += 1
            if len(tally.text_only_examples) < EXAMPLES:
                tally.text_only_examples.append(prompt.text)
        yield prompt


def _prompt(draft: Draft, vocabularies: Mapping[str, Vocabulary], seed: int) -> Prompt:
    digest = hashlib.sha256(draft.text.encode()).hexdigest()[:ID_DIGITS]
    foils: tuple[Foil, ...] = ()
    # Without the words of a kind nobody knows what excludes what, so no foil would be sure.
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
            "{n} id occurred before and got a number at its end",
            "{n} ids occurred before and got a number at their ends",
        )
    ids.add(identifier)
    return identifier


def _normal(text: str) -> str:
    """Texts that only differ in case, blanks or a full stop are the same prompt."""
    return " ".join(text.casefold().split()).rstrip(".")


def _foils(draft: Draft, vocabularies: Mapping[str, Vocabulary], draw: int) -> tuple[Foil, ...]:
    template, digits, places = as_template(draft, vocabularies)
    known = {folded(draft.text)}
    foils = []
    for foil in foils_of(template, digits, draft.text, places, draw):
        if (text := folded(foil.text)) not in known:
            known.add(text)
            foils.append(foil)
    return tuple(foils)


def _without_repeats(draft: Draft, vocabularies: Mapping[str, Vocabulary]) -> Draft:
    parts = sorted(draft.constituents, key=lambda part: part.start)
    if any(part.kind not in vocabularies for part in parts):
        return draft  # a format without vocabularies says itself which entities there are
    kept = without_repeated_entities(draft.text, parts, vocabularies)
    return draft if len(kept) == len(parts) else replace(draft, constituents=kept)


def as_template(
    draft: Draft, vocabularies: Mapping[str, Vocabulary]
) -> tuple[Template, tuple[int, ...], list[int]]:
    """A foreign prompt taken as a template of its own, with its choices and its pieces' places."""
    parts: Sequence[Constituent] = sorted(draft.constituents, key=lambda part: part.start)
    counters = {
        part.entities[0]: index
        for index, part in enumerate(parts)
        if vocabularies[part.kind].role == "count"
    }
    mentions = mentions_of(draft.text, parts, vocabularies)
    fixed = draft.fixed | mentions.uncertain
    gaps, slots, places = [], [], []
    at = 0
    for part in parts:
        gap = draft.text[at : part.start]
        article = article_before(draft.text, part.start)
        if article:
            gap = gap[: -len(article)]
        vocabulary = vocabularies[part.kind]
        counted = counters.get(part.entities[0], -1) if vocabulary.role == "noun" else -1
        choices = choices_of(vocabulary, bool(article))
        slots.append(TemplateSlot(part.slot, choices, part.entities, counted, part.slot in fixed))
        gaps.append(gap)
        places += [part.start - len(article), part.end]
        at = part.end
    gaps.append(draft.text[at:])
    template = make_template(
        draft.type, draft.type, tuple(gaps), tuple(slots), echoes=mentions.echoes
    )
    digits = tuple(slot.choices.usual[part.value] for slot, part in zip(slots, parts, strict=True))
    return template, digits, places
