"""GenEval 2's ``geneval2_data.jsonl`` (Kamath and others, arXiv 2512.16853).

A row holds ``prompt``, ``atom_count``, and for each atom a question with its answer (``vqa_list``)
and the skill it tests (``skills``). The atoms follow the order of the text: count, attributes and
noun of each object, and between objects a position or a verb. A prompt gets structure only if its
atoms account for the whole text. Questions and skills are kept as metadata.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any

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

if TYPE_CHECKING:
    from pydantic import TypeAdapter

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
_IS = re.compile(r"(?:Is|Are) the (?P<words>[\w -]+)\?")


@dataclass
class _AtomGroup:
    """The atoms of one object."""

    count: str
    nouns: str
    """Its noun in the plural, as in the question."""
    attributes: list[str] = field(default_factory=list)
    link: str | None = None
    """The position or verb between this object and the next."""


def read_geneval2(text: str, *, source: str, notes: Notes | None = None) -> Iterator[Draft]:
    """The rows of the file.

    Raises `SuiteFormatError` with the line and the field of a faulty row.
    """
    from pydantic import ValidationError

    for place, row in json_rows(text, source=source, notes=notes):
        where = f"{source}, {place}"
        try:
            checked = _row_type().validate_python(row)
        except ValidationError as error:
            first = error.errors()[0]
            field = ".".join(str(step) for step in first["loc"])
            found = format_of(text)
            hint = "" if found in ("geneval2", "text") else f"; try to import it with {found}"
            raise SuiteFormatError(
                f"{where}: {field}: {first['msg']}; rows of GenEval 2 have prompt, vqa_list (pairs "
                f"of a question and an answer) and skills{hint}"
            ) from None
        cleaned = clean(checked["prompt"], where=where, notes=notes)
        atoms = row.get("atom_count")
        identifier = row.get("id")
        yield Draft(
            where,
            cleaned,
            f"atoms_{atoms}" if isinstance(atoms, int) else "atoms",
            _constituents(cleaned, _atom_groups(checked["vqa_list"], checked["skills"])),
            id="" if identifier is None else clean(str(identifier), where=f"{where}, id"),
            metadata=as_metadata(
                {key: row[key] for key in row if key not in ("prompt", "id")}, where=where
            ),
        )


def geneval2_vocabularies(drafts: Sequence[Draft]) -> dict[str, Vocabulary]:
    """The vocabularies for foils of these drafts."""
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
    """Pairs of a value that is compatible with every other: a toy may be a dog."""
    return tuple((value, other) for other in sorted(own) if value in own and other != value)


@cache
def _row_type() -> TypeAdapter[Any]:
    from pydantic import ConfigDict, Field, TypeAdapter
    from typing_extensions import TypedDict

    class GenEval2Row(TypedDict):
        __pydantic_config__ = ConfigDict(strict=True)  # type: ignore[misc]

        prompt: str
        vqa_list: list[Annotated[list[str], Field(min_length=2, max_length=2)]]
        skills: list[Any]

    return TypeAdapter(GenEval2Row)


def _atom_groups(
    pairs: Sequence[Sequence[str]], skills: Sequence[object]
) -> list[_AtomGroup] | None:
    if len(pairs) != len(skills):
        return None
    groups: list[_AtomGroup] = []
    for (question, answer), skill in zip(pairs, skills, strict=True):
        many, asked = _MANY.fullmatch(question), _IS.fullmatch(question)
        if skill == "count" and many:
            groups.append(_AtomGroup(answer, many["nouns"]))
        elif skill == "object" and groups:
            continue
        elif skill == "attribute" and groups and asked:
            groups[-1].attributes.append(asked["words"].rsplit(" ", 1)[-1])
        elif skill in ("position", "verb") and groups and asked and groups[-1].link is None:
            groups[-1].link = asked["words"]
        else:
            return None
    return groups


def _constituents(text: str, groups: Sequence[_AtomGroup] | None) -> tuple[Constituent, ...]:
    """The parts of the text, or none if the groups and their links are not all of it."""
    if not groups:
        return ()
    parts: list[Constituent] = []
    links = sum(group.link is not None for group in groups)
    at = 0
    for number, group in enumerate(groups, start=1):
        own = _phrase(text, at, group, f"object_{number}")
        if own is None:
            return ()
        parts += own
        at = own[-1].end
        if number == len(groups):
            break
        if group.link is None:
            match = re.compile(r",? and |, ").match(text, at)
            if match is None:
                return ()
            at = match.end()
            continue
        match = _LINK.match(text, at)
        # The question repeats the words between the two nouns.
        if match is None or f" {match['words']} the " not in group.link:
            return ()
        slot = "relation" if links == 1 else f"relation_{number}"
        value = _RELATIONS.get(match["words"])
        pair = (f"object_{number}", f"object_{number + 1}")
        kind = "verb" if value is None else "relation"
        parts.append(Constituent(slot, kind, value or match["words"], *match.span("words"), pair))
        at = match.end()
    return tuple(parts) if text[at:] in ("", ".") else ()


def _phrase(text: str, at: int, group: _AtomGroup, entity: str) -> list[Constituent] | None:
    single = group.count == "one"
    if not single and group.count not in NUMBERS:
        return None
    if any(word not in _KIND_OF for word in group.attributes):
        return None
    number = r"(?:an?|one)" if single else f"(?P<count>{group.count})"
    words = "".join(f" (?P<attribute_{i}>{word})" for i, word in enumerate(group.attributes))
    noun = r"[\w-]+(?: [\w-]+)??" if single else re.escape(group.nouns)
    match = re.compile(f"{number}{words} (?P<noun>{noun})(?= |,|\\.|$)").match(text, at)
    if match is None:
        return None
    found = match["noun"]
    if single and group.nouns not in (found, plural_of(found), f"{found}s", f"{found}es"):
        return None
    value = found if single else singular_of(group.nouns)
    parts = []
    if not single:
        parts.append(
            Constituent(f"{entity}.count", "count", group.count, *match.span("count"), (entity,))
        )
    for i, word in enumerate(group.attributes):
        kind = _KIND_OF[word]
        parts.append(
            Constituent(f"{entity}.{kind}", kind, word, *match.span(f"attribute_{i}"), (entity,))
        )
    if len({part.slot for part in parts}) < len(parts):
        return None
    parts.append(Constituent(f"{entity}.object", "object", value, *match.span("noun"), (entity,)))
    return parts
