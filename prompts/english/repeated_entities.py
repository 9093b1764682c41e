"""Entities that a prompt mentions again, which an import must not count as further entities."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from prompts.english.sentence import Sentence
from prompts.english.word_lists import DEFINITE
from prompts.structure import Constituent
from prompts.vocabulary import Vocabulary


def without_repeated_entities(
    text: str, parts: Sequence[Constituent], vocabularies: Mapping[str, Vocabulary]
) -> tuple[Constituent, ...]:
    """The constituents without entities that are an earlier entity mentioned again.

    In "A red car stands by a truck. The red car is old" the second *red car* is the first. The
    result is empty if it is uncertain whether two entities are the same, so that the prompt is kept
    as text only.
    """
    sentence = Sentence(text, tuple(parts), vocabularies)
    kept: dict[str, list[Constituent]] = {}
    dropped = set()
    related = {entity for part in parts if len(part.entities) > 1 for entity in part.entities}
    for entity, own in sentence.entities.items():
        noun = sentence.noun_of(entity)
        compatible = [
            earlier
            for earlier in kept
            if noun is not None
            and _may_be_called(sentence.noun_of(earlier), noun)
            and not _exclude_each_other(sentence, kept[earlier], own)
        ]
        if compatible and _is_definite(sentence, own):
            before = {(part.kind, part.value) for part in kept[compatible[0]]}
            again = {(part.kind, part.value) for part in own}
            if len(compatible) > 1 or not again <= before or len(own) == 1 or entity in related:
                return ()
            dropped.add(entity)
            continue
        kept[entity] = own
    return tuple(part for part in parts if part.entities[0] not in dropped)


def _may_be_called(one: Constituent | None, other: Constituent) -> bool:
    """Whether the noun `other`, in either number, may refer to `one`."""
    if one is None:
        return False
    first, second = one.value.casefold(), other.value.casefold()
    endings = ("", "s", "es")
    return any(
        a == b or a.endswith(f" {b}")
        for ending in endings
        for a, b in ((first + ending, second), (first, second + ending))
    )


def _exclude_each_other(
    sentence: Sentence, one: Sequence[Constituent], other: Sequence[Constituent]
) -> bool:
    """Whether the two have values of one kind that cannot be true of the same thing."""
    for part in one:
        vocabulary = sentence.vocabularies[part.kind]
        if vocabulary.role == "noun":
            continue
        values = [p.value for p in other if p.kind == part.kind]
        own = [p.value for p in one if p.kind == part.kind]
        if values and not any(a in vocabulary.overlapping[b] for a in own for b in values):
            return True
    return False


def _is_definite(sentence: Sentence, parts: Sequence[Constituent]) -> bool:
    first = min(sentence.span(part)[0] for part in parts)
    return sentence.phrase(first)[0] in DEFINITE
