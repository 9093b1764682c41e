"""GenEval 2's ``geneval2_data.jsonl`` (Kamath and others, arXiv 2512.16853).

A row holds ``prompt``, ``atom_count``, and for each atom a question with its answer (``vqa_list``)
and the skill it tests (``skills``). The atoms come in the order of the text: count, attributes and
object of each thing, and between things a position or a verb. A prompt gets its structure only if
the atoms, put together again, are the whole of its text; questions and skills are kept as metadata.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from prompts.errors import SuiteFormatError
from prompts.formats.clean import clean
from prompts.formats.detect_format import format_of
from prompts.formats.drafts import Draft
from prompts.formats.json_rows import json_rows
from prompts.formats.metadata import as_metadata
from prompts.formats.notes import Notes
from prompts.inflection import NUMBERS, plural_of, singular_of
from prompts.structure import Constituent
from prompts.vocabulary import Table, Vocabulary, make_vocabulary

_KINDS = {
    "colour": "red orange yellow green blue purple pink brown black white grey gray",
    "material": "glass metal stone plastic wooden",
    "pattern": "sparkling checkered striped spotted",
}
_KIND_OF = {word: kind for kind, words in _KINDS.items() for word in words.split()}
_RELATIONS = {
    "to the left of": "left of", "to the right of": "right of", "in front of": "in front of",
    "behind": "behind", "on top of": "on top of", "under": "under",
}  # fmt: skip
_INVERSE = (("left of", "right of"), ("in front of", "behind"), ("on top of", "under"))
_SYMMETRIC_VERBS = ("playing with",)

_MANY = re.compile(r"How many (?P<nouns>[\w -]+) are in the image\?")
_LINK = re.compile(rf" (?P<words>[a-z ]+?) (?=(?:an?|{'|'.join(NUMBERS)}) )")
_IS = re.compile(r"(?:Is|Are) the (?P<said>[\w -]+)\?")


@dataclass
class _Thing:
    """One thing of a prompt, as its atoms tell."""

    count: str
    nouns: str
    """Its noun in the plural, as the question has it."""
    attributes: list[str] = field(default_factory=list)
    link: str | None = None
    """The position or verb between it and the thing after it."""


def read_geneval2(text: str, *, source: str, notes: Notes | None = None) -> Iterator[Draft]:
    """The rows of the file; raises `SuiteFormatError` naming the line."""
    for place, row in json_rows(text, source=source, notes=notes):
        where = f"{source}, {place}"
        prompt, pairs, skills = row.get("prompt"), row.get("vqa_list"), row.get("skills")
        if not (
            isinstance(prompt, str)
            and isinstance(pairs, list)
            and isinstance(skills, list)
            and all(_is_pair(pair) for pair in pairs)
        ):
            found = format_of(text)
            hint = "" if found in ("geneval2", "text") else f"; try to import it with {found}"
            raise SuiteFormatError(
                f"{where} is no row of GenEval 2, which has prompt, vqa_list (pairs of a question "
                f"and an answer) and skills{hint}"
            )
        cleaned = clean(prompt, where=where, notes=notes)
        atoms = row.get("atom_count")
        identifier = row.get("id")
        yield Draft(
            where,
            cleaned,
            f"atoms_{atoms}" if isinstance(atoms, int) else "atoms",
            _constituents(cleaned, _things(pairs, skills)),
            id="" if identifier is None else clean(str(identifier), where=f"{where}, id"),
            metadata=as_metadata(
                {key: row[key] for key in row if key not in ("prompt", "id")}, where=where
            ),
        )


def geneval2_vocabularies(drafts: Sequence[Draft]) -> dict[str, Vocabulary]:
    """The words that foils of these drafts are made of."""
    values: dict[str, set[str]] = {}
    for draft in drafts:
        for part in draft.constituents:
            values.setdefault(part.kind, set()).add(part.value)
    made = {}
    for kind, own in values.items():
        if kind == "count":
            table = Table(NUMBERS, role="count")
        elif kind == "relation":
            table = Table(
                tuple(_RELATIONS.values()),
                role="relation",
                wordings={value: (words,) for words, value in _RELATIONS.items()},
                inverse=_INVERSE,
            )
        elif kind == "verb":
            symmetric = tuple(verb for verb in _SYMMETRIC_VERBS if verb in own)
            table = Table(tuple(sorted(own)), role="relation", symmetric=symmetric)
        elif kind == "object":
            table = Table(
                tuple(sorted(own)), role="noun", overlaps=_beside("toy", own), repeat=True
            )
        else:
            table = Table(tuple(sorted(own)), overlaps=_beside("sparkling", own), repeat=True)
        made[kind] = make_vocabulary(kind, table, source="GenEval 2")
    return made


def _beside(value: str, own: set[str]) -> tuple[tuple[str, str], ...]:
    """A value that may be true along with any other: a toy may be a dog, stripes may sparkle."""
    return tuple((value, other) for other in sorted(own) if value in own and other != value)


def _is_pair(pair: object) -> bool:
    return isinstance(pair, list) and len(pair) == 2 and all(isinstance(x, str) for x in pair)


def _things(pairs: Sequence[Sequence[str]], skills: Sequence[object]) -> list[_Thing] | None:
    if len(pairs) != len(skills):
        return None
    things: list[_Thing] = []
    for (question, answer), skill in zip(pairs, skills, strict=True):
        many, said = _MANY.fullmatch(question), _IS.fullmatch(question)
        if skill == "count" and many:
            things.append(_Thing(answer, many["nouns"]))
        elif skill == "object" and things:
            continue
        elif skill == "attribute" and things and said:
            things[-1].attributes.append(said["said"].rsplit(" ", 1)[-1])
        elif skill in ("position", "verb") and things and said and things[-1].link is None:
            things[-1].link = said["said"]
        else:
            return None
    return things


def _constituents(text: str, things: Sequence[_Thing] | None) -> tuple[Constituent, ...]:
    """The parts of the text, if the things and their links are the whole of it."""
    if not things:
        return ()
    parts: list[Constituent] = []
    links = sum(thing.link is not None for thing in things)
    at = 0
    for number, thing in enumerate(things, start=1):
        own = _phrase(text, at, thing, f"object_{number}")
        if own is None:
            return ()
        parts += own
        at = own[-1].end
        if number == len(things):
            break
        if thing.link is None:
            match = re.compile(r",? and |, ").match(text, at)
            if match is None:
                return ()
            at = match.end()
            continue
        match = _LINK.match(text, at)
        # The question has the same words between the two nouns.
        if match is None or f" {match['words']} the " not in thing.link:
            return ()
        slot = "relation" if links == 1 else f"relation_{number}"
        value = _RELATIONS.get(match["words"])
        pair = (f"object_{number}", f"object_{number + 1}")
        kind = "verb" if value is None else "relation"
        parts.append(Constituent(slot, kind, value or match["words"], *match.span("words"), pair))
        at = match.end()
    return tuple(parts) if text[at:] in ("", ".") else ()


def _phrase(text: str, at: int, thing: _Thing, entity: str) -> list[Constituent] | None:
    single = thing.count == "one"
    if not single and thing.count not in NUMBERS:
        return None
    if any(word not in _KIND_OF for word in thing.attributes):
        return None
    number = r"(?:an?|one)" if single else f"(?P<count>{thing.count})"
    words = "".join(f" (?P<attribute_{i}>{word})" for i, word in enumerate(thing.attributes))
    noun = r"[\w-]+(?: [\w-]+)??" if single else re.escape(thing.nouns)
    match = re.compile(f"{number}{words} (?P<noun>{noun})(?= |,|\\.|$)").match(text, at)
    if match is None:
        return None
    found = match["noun"]
    if single and thing.nouns not in (found, plural_of(found), f"{found}s", f"{found}es"):
        return None
    value = found if single else singular_of(thing.nouns)
    parts = []
    if not single:
        parts.append(
            Constituent(f"{entity}.count", "count", thing.count, *match.span("count"), (entity,))
        )
    for i, word in enumerate(thing.attributes):
        kind = _KIND_OF[word]
        parts.append(
            Constituent(f"{entity}.{kind}", kind, word, *match.span(f"attribute_{i}"), (entity,))
        )
    if len({part.slot for part in parts}) < len(parts):
        return None
    parts.append(Constituent(f"{entity}.object", "object", value, *match.span("noun"), (entity,)))
    return parts
