"""The text files of T2I-CompBench (Huang and others, arXiv 2307.06350).

The name of a file says what its lines test. A line gets structure only if that is certain:

- ``color``, ``shape``, ``texture``: attributes with the nouns that they precede, each noun an
  entity; text only if the noun of an attribute is uncertain (see `prompts.english.noun_phrases`).
  Nouns without an attribute are not constituents.
- ``spatial``, ``3d_spatial``: two nouns and the relation between them.
- ``numeracy``: number words with their nouns, and nouns after ``a`` that the file counts elsewhere;
  text only if the noun of a number is uncertain.
- ``non_spatial``, ``complex``: free sentences, text only.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import cache
from pathlib import PurePath

from prompts.english.noun_phrases import Phrase, bound_phrases
from prompts.errors import SuiteFormatError
from prompts.formats.clean import clean
from prompts.formats.compbench_words import (
    ATTRIBUTE_KINDS,
    RELATIONS,
    attribute_words,
    kind_of_attribute,
)
from prompts.formats.detect_format import refuse_other_formats
from prompts.formats.drafts import Draft
from prompts.formats.notes import Notes
from prompts.inflection import NUMBERS, singular_of
from prompts.structure import Constituent, SplitName

KINDS = (
    "color", "shape", "texture", "spatial", "3d_spatial", "numeracy", "non_spatial", "complex",
)  # fmt: skip
# Some files of `complex` come in parts, named after what their sentences describe.
_NAME = re.compile(
    rf"(?P<kind>{'|'.join(KINDS)})(?:_train|_val|_test)?(?:_(?P<split>seen|unseen))?"
    r"(?:_(?:action|spatial|spatialaction))?"
)

_RELATED = re.compile(
    rf"an? (?P<first>[a-z ]+?) (?P<relation>{'|'.join(RELATIONS)}) an? (?P<second>[a-z ]+)\.?"
)
# Words of a second statement ("a dog near a cat near a bird"), which no noun contains.
_STATEMENT = re.compile(rf"\b(?:an?|the|and|{'|'.join(RELATIONS)})\b")
_NUMBER = "|".join(NUMBERS)
_COUNTED = re.compile(rf"\b(?P<count>{_NUMBER}|an?) (?P<object>[a-z-]+)\b", re.IGNORECASE)
_LIST = re.compile(rf"(?:{_NUMBER}) [a-z]+(?:(?:, and |, | and )(?:{_NUMBER}) [a-z]+)*\.?")


def kind_of(name: str) -> str:
    """What a file of this name tests.

    Raises `SuiteFormatError` for a name that is not one of T2I-CompBench.
    """
    match = _NAME.fullmatch(PurePath(name).stem)
    if match is None:
        raise SuiteFormatError(
            f"{name}: the name does not say what the prompts test; name the file as T2I-CompBench "
            f"does: {', '.join(KINDS)}, optionally with _train, _val, _val_seen or _val_unseen"
        )
    return match["kind"]


def split_of(name: str) -> SplitName | None:
    """The split in the name of a file: T2I-CompBench++ holds out the unseen compositions."""
    match = _NAME.fullmatch(PurePath(name).stem)
    if match is None or match["split"] is None:
        return None
    return "held_out" if match["split"] == "unseen" else "seen"


def read_compbench(
    lines: Iterable[str],
    kind: str,
    *,
    source: str,
    split: SplitName | None = None,
    notes: Notes | None = None,
) -> Iterator[Draft]:
    """The lines of one file of the given kind and split.

    Raises `SuiteFormatError` for an empty file, for control characters, and for lines that are
    JSON or a table.
    """
    lines = list(lines)
    refuse_other_formats(lines, source=source)
    for draft in _drafts(lines, kind, source, notes):
        yield replace(draft, split=split) if split else draft


def _drafts(lines: Iterable[str], kind: str, source: str, notes: Notes | None) -> Iterator[Draft]:
    texts = []
    for number, line in enumerate(lines, start=1):
        if line.strip():
            where = f"{source}, line {number}"
            texts.append((where, clean(line, where=where, notes=notes)))
    if not texts:
        raise SuiteFormatError(f"{source} is empty; write one prompt per line")
    counted = _counted_nouns(text for _, text in texts) if kind == "numeracy" else frozenset()
    for where, text in texts:
        if kind in ATTRIBUTE_KINDS:
            yield _attributed(where, text, kind)
        elif kind in ("spatial", "3d_spatial"):
            yield _related(where, text, kind)
        elif kind == "numeracy":
            yield _numbered(where, text, kind, counted)
        else:
            yield Draft(where, text, kind)


def _attributed(where: str, text: str, kind: str) -> Draft:
    parts: list[Constituent] = []
    fixed = []
    for number, phrase in enumerate(bound_phrases(text, attribute_words()), start=1):
        own, noun = _phrase_parts(text, phrase, f"object_{number}")
        parts += [*own, noun]
        if not phrase.has_article:
            fixed.append(noun.slot)
    return Draft(where, text, kind, tuple(parts), frozenset(fixed))


def _phrase_parts(text: str, phrase: Phrase, entity: str) -> tuple[list[Constituent], Constituent]:
    parts = []
    taken: dict[str, int] = {}
    for value, span in phrase.attributes:
        kind = kind_of_attribute()[value]
        taken[kind] = taken.get(kind, 0) + 1
        slot = f"{entity}.{kind}" + (f"_{taken[kind]}" if taken[kind] > 1 else "")
        parts.append(Constituent(slot, kind, value, span.start, span.end, (entity,)))
    start, end = phrase.noun.start, phrase.noun.end
    noun = Constituent(f"{entity}.object", "object", text[start:end].lower(), start, end, (entity,))
    return parts, noun


def _related(where: str, text: str, kind: str) -> Draft:
    match = _RELATED.fullmatch(text)
    if match is None or any(_STATEMENT.search(match[name]) for name in ("first", "second")):
        return Draft(where, text, kind)
    pair = ("object_1", "object_2")
    relation = RELATIONS[match["relation"]]
    return Draft(
        where,
        text,
        kind,
        (
            Constituent(
                "object_1.object", "object", match["first"], *match.span("first"), pair[:1]
            ),
            Constituent("relation", "relation", relation, *match.span("relation"), pair),
            Constituent(
                "object_2.object", "object", match["second"], *match.span("second"), pair[1:]
            ),
        ),
    )


def _counted_nouns(texts: Iterable[str]) -> frozenset[str]:
    """The singular nouns of lines that consist of numbers and nouns only."""
    nouns = set()
    for text in texts:
        if _LIST.fullmatch(text):
            for match in _COUNTED.finditer(text):
                nouns.add(_singular(match["object"], match["count"]))
    return frozenset(nouns)


def _numbered(where: str, text: str, kind: str, counted: frozenset[str]) -> Draft:
    parts: list[Constituent] = []
    number = 0
    for match in _COUNTED.finditer(text):
        count, noun = match["count"].lower(), match["object"].lower()
        value = _singular(noun, count)
        if value not in counted:
            if count in NUMBERS:
                return Draft(where, text, kind)
            continue
        number += 1
        entity = (f"object_{number}",)
        if count in NUMBERS:
            parts.append(
                Constituent(f"{entity[0]}.count", "count", count, *match.span("count"), entity)
            )
        parts.append(
            Constituent(f"{entity[0]}.object", "object", value, *match.span("object"), entity)
        )
    if not any(part.kind == "count" for part in parts):
        return Draft(where, text, kind)
    return Draft(where, text, kind, tuple(parts))


@cache
def _singular(noun: str, count: str) -> str:
    if count in ("one", "a", "an"):
        return noun
    return singular_of(noun)
