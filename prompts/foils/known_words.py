"""The vocabularies of a prompt of which only the structure is known.

A suite's file holds the values of its prompts, not the vocabulary that they were drawn from. The
shipped vocabularies are consulted instead: which values a kind has, and which exclude one another.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cache, lru_cache

from prompts.inflection import NUMBERS
from prompts.structure import Prompt
from prompts.vocabulary import Role, Table, Vocabulary, load_vocabularies, make_vocabulary

# Where two files know a prompt equally well, the first one counts: it has more words.
FILES = ("core", "world")
# Pairs that imported prompts use for the same things: either word may be true of what the other one
# names, so that neither is a foil of the other.
OVERLAPS = {
    "object": (
        ("bird", "duck"),
        ("bird", "owl"),
        ("bird", "penguin"),
        ("boat", "ship"),
        ("bowl", "cup"),
        ("car", "truck"),
        ("desk", "table"),
        ("bench", "chair"),
        ("bench", "couch"),
        ("backpack", "suitcase"),
    )
}


def vocabularies_of(prompt: Prompt) -> Mapping[str, Vocabulary]:
    """The vocabulary of each kind of `prompt`, from the shipped file that knows most of its kinds.

    A kind is known to a file that has all the values of the prompt. Numbers are known without one.
    The values of any other kind are taken as true of the same thing, because it is unknown which
    of them exclude one another; such a vocabulary makes no foil.
    """
    values: dict[str, list[str]] = {}
    for part in prompt.constituents:
        values.setdefault(part.kind, []).append(part.value)
    own = tuple((kind, tuple(dict.fromkeys(found))) for kind, found in values.items())
    return _vocabularies(own, _roles(prompt))


def _roles(prompt: Prompt) -> tuple[tuple[str, Role], ...]:
    """The role of each kind by its place in the prompt, for kinds that no file knows."""
    last = {part.entities: part.kind for part in sorted(prompt.constituents, key=lambda p: p.end)}
    nouns = {kind for entities, kind in last.items() if len(entities) == 1}
    roles: dict[str, Role] = {}
    for part in prompt.constituents:
        if len(part.entities) > 1:
            roles[part.kind] = "relation"
        else:
            roles[part.kind] = "noun" if part.kind in nouns else "attribute"
    return tuple(roles.items())


@lru_cache(maxsize=4096)
def _vocabularies(
    values: tuple[tuple[str, tuple[str, ...]], ...], roles: tuple[tuple[str, Role], ...]
) -> Mapping[str, Vocabulary]:
    known = []
    for name in FILES:
        file = _file(name)
        known.append({kind: file[kind] for kind, own in values if _has(file, kind, own)})
    best = max(known, key=_knowledge)
    role_of = dict(roles)
    return {kind: best.get(kind) or _unknown(kind, own, role_of[kind]) for kind, own in values}


def _knowledge(known: Mapping[str, Vocabulary]) -> tuple[int, bool]:
    """What makes one file fit a prompt better than another, by the kinds of it that are `known`."""
    roles = [vocabulary.role for vocabulary in known.values() if vocabulary.role != "count"]
    # "Square" is a noun in one file and an attribute in the other, and every thing has a noun.
    return len(roles), "noun" in roles


@cache
def _file(name: str) -> Mapping[str, Vocabulary]:
    """The vocabularies of a shipped file, with `OVERLAPS`."""
    file = load_vocabularies(name)
    return {kind: _overlapping(kind, vocabulary) for kind, vocabulary in file.items()}


def _overlapping(kind: str, vocabulary: Vocabulary) -> Vocabulary:
    pairs = [pair for pair in OVERLAPS.get(kind, ()) if {*pair} <= {*vocabulary.values}]
    alike = {
        value: frozenset({value}.union(*(pair for pair in pairs if value in pair))) | known
        for value, known in vocabulary.overlapping.items()
    }
    return replace(vocabulary, overlapping=alike) if pairs else vocabulary


def _has(file: Mapping[str, Vocabulary], kind: str, values: tuple[str, ...]) -> bool:
    return kind in file and {*values} <= {*file[kind].values}


@lru_cache(maxsize=4096)
def _unknown(kind: str, values: tuple[str, ...], role: Role) -> Vocabulary:
    if role != "relation" and {*values} <= {*NUMBERS}:
        return make_vocabulary(kind, Table(NUMBERS, role="count"), source="numbers")
    # Made without the checks of a vocabulary's file: a value may be any text, and none is written.
    table = Table(values, role=role, an=(), overlaps=(values,), exclusive=False)
    return Vocabulary(kind, table, "the prompt", {each: frozenset(values) for each in values}, {})
