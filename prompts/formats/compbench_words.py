"""The words of T2I-CompBench's prompts, and which of them exclude one another."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cache

from prompts.formats.drafts import Draft
from prompts.inflection import NUMBERS
from prompts.vocabulary import Table, Vocabulary, make_vocabulary

ATTRIBUTE_KINDS = ("color", "shape", "texture")
_ATTRIBUTES = {
    "colour": "red orange yellow green blue purple pink brown black white grey gold silver beige "
    "tan golden",
    "shape": "round circular spherical oval oblong rectangular square cubic triangular pyramidal "
    "conical cylindrical pentagonal hexagonal octagonal diamond teardrop crescent",
    "size": "big large small tiny huge tall short long",
    "texture": "metallic metal wooden fabric leather plastic rubber fluffy glass",
}
_VARIANTS = {"gray": "grey"}
# Values that may be true of the same thing, or that raters confuse.
_OVERLAPS = {
    "colour": (
        "gold golden yellow", "silver grey", "beige tan brown", "beige white", "orange gold tan",
    ),
    "shape": (
        "round circular spherical oval", "round cylindrical", "round conical", "oval oblong",
        "oval teardrop", "oblong rectangular cylindrical", "rectangular square cubic",
        "triangular pyramidal conical", "round teardrop", "circular cylindrical conical",
        "square diamond", "round crescent", "square pyramidal", "cubic diamond",
    ),
    "size": (
        "big large huge tall long", "small tiny short", "small tall", "small long", "big short",
        "large short", "tall long", "huge short",
    ),
    "texture": (
        "metallic metal", "fabric leather fluffy", "plastic rubber fabric", "plastic glass",
        "leather rubber", "plastic metallic", "rubber fluffy",
    ),
    "object": (
        "person man woman boy girl", "couch sofa", "table desk", "bird chicken duck swan",
        "fish goldfish", "bag backpack suitcase", "boat ship", "car truck", "cup bowl",
        "picture painting", "phone microphone", "computer television",
    ),
}  # fmt: skip
RELATIONS = {
    "on the left of": "left of", "on the right of": "right of", "on the top of": "on top of",
    "on the bottom of": "at the bottom of", "on side of": "on side of", "next to": "next to",
    "near": "near", "in front of": "in front of", "behind": "behind", "hidden by": "hidden by",
}  # fmt: skip


def compbench_vocabularies(drafts: Sequence[Draft], kind: str) -> dict[str, Vocabulary]:
    """The vocabularies for foils of these drafts."""
    values: dict[str, set[str]] = {}
    for draft in drafts:
        for part in draft.constituents:
            values.setdefault(part.kind, set()).add(part.value)
    made = {}
    for name, own in values.items():
        if name == "relation":
            pairs = (
                ("left of", "right of"),
                ("on top of", "at the bottom of"),
                ("in front of", "behind"),
            )
            table = Table(
                tuple(RELATIONS.values()),
                role="relation",
                wordings={value: (words,) for words, value in RELATIONS.items()},
                inverse=pairs,
                symmetric=("on side of", "next to", "near"),
            )
        elif name == "count":
            table = Table(NUMBERS, role="count")
        elif name == "object":
            table = Table(
                tuple(sorted(own)),
                role="noun",
                overlaps=(*_present("object", own), *_hypernyms(own)),
                # It is unknown which of these hundreds of nouns exclude one another.
                exclusive=kind not in ATTRIBUTE_KINDS,
                repeat=True,
            )
        else:
            table = Table(tuple(sorted(own)), overlaps=_present(name, own), repeat=True)
        made[name] = make_vocabulary(name, table, source="T2I-CompBench")
    return made


def _present(kind: str, values: set[str]) -> tuple[tuple[str, ...], ...]:
    groups = (tuple(v for v in group.split() if v in values) for group in _OVERLAPS.get(kind, ()))
    return tuple(group for group in groups if len(group) > 1)


def _hypernyms(nouns: set[str]) -> Iterator[tuple[str, str]]:
    """Pairs of a noun and a more general one: an oak tree is a tree."""
    for noun in sorted(nouns):
        words = noun.split()
        for start in range(1, len(words)):
            if (head := " ".join(words[start:])) in nouns:
                yield noun, head


@cache
def attribute_words() -> dict[str, str]:
    """The values of attributes by the words that denote them."""
    words = {word: word for group in _ATTRIBUTES.values() for word in group.split()}
    return words | _VARIANTS


@cache
def kind_of_attribute() -> Mapping[str, str]:
    """The kind of each attribute value."""
    return {word: kind for kind, group in _ATTRIBUTES.items() for word in group.split()}
