"""What a prompt is: its text together with the structure every later stage reads.

A `Prompt` names its constituents by slot (``object_1.colour``, ``relation``), says where in the
text each stands, and carries its minimal foils. Nothing downstream parses text again.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import combinations
from typing import Any, Literal

Split = Literal["seen", "held_out"]
Pair = tuple[str, str]

WORDLESS = frozenset({"eos", "pooled", "mean", "grid"})
"""Places of a model that belong to no word. A slot's words are a place of the slot's name, so no
slot may be called so."""
PRESENCE = "presence"
"""Prefix of the targets that ask only whether a constituent occurs, e.g. ``presence.colour``."""
TEXT_MARK = "@"
"""Between a place and the text encoder whose tokens it is, inside a denoiser."""


@lru_cache
def slot_fault(slot: str) -> str | None:
    """What is wrong with a slot's name, or None: it must not be that of another thing."""
    if slot in WORDLESS or slot.split(".")[0] == PRESENCE or TEXT_MARK in slot:
        names = ", ".join(sorted(WORDLESS))
        return (
            f"slot {slot!r} has a name with another meaning in an audit ({names}, {PRESENCE} and "
            f"what contains {TEXT_MARK!r}); rename it"
        )
    return None


def folded(text: str) -> str:
    """`text` without case, white space and punctuation: texts that fold alike say the same."""
    return "".join(
        character
        for character in text.casefold()
        if not character.isspace() and not unicodedata.category(character).startswith("P")
    )


@dataclass(frozen=True)
class Constituent:
    """One part of a prompt: a word or phrase that fills a slot."""

    slot: str
    """Which role it fills in this prompt, e.g. ``object_1.colour`` or ``relation``."""
    kind: str
    """The vocabulary it is drawn from, e.g. ``colour``; slots of one kind share their values."""
    value: str
    """Canonical value, e.g. ``red`` or ``left of``, whatever the wording in the text."""
    start: int
    """First character in the prompt's text."""
    end: int
    """One past the last character."""
    entities: tuple[str, ...]
    """What it belongs to: one entity for an attribute or noun, both arguments for a relation."""

    @property
    def key(self) -> str:
        """Kind and value together, the identity that presence and pairs are counted by."""
        return f"{self.kind}:{self.value}"


@dataclass(frozen=True)
class Foil:
    """A minimally different prompt that is false of every picture the prompt is true of."""

    text: str
    change: str
    """What was changed, e.g. ``colours_swapped``."""


@dataclass(frozen=True)
class Prompt:
    """A prompt with its structure."""

    id: str
    text: str
    type: str
    """Prompt type, e.g. ``one_object`` or ``relation``; permutation tests stay within it."""
    template: str
    constituents: tuple[Constituent, ...]
    foils: tuple[Foil, ...] = ()
    split: Split | None = None
    """``held_out`` where a composition of it is withheld from what is seen; None without a split.

    In the rendered world's suites: withheld from what the built-in checkpoints were trained on.
    """
    metadata: dict[str, Any] = field(default_factory=dict, hash=False)
    """Other columns of the file that the prompt was imported from, as JSON values; never judged."""

    def constituent(self, slot: str) -> Constituent | None:
        """The constituent that fills `slot`, or None."""
        return next((part for part in self.constituents if part.slot == slot), None)

    def partners(self, slot: str) -> tuple[Constituent, ...]:
        """Where else `slot` could be read: the other parts of its object, or a relation's nouns.

        For an attribute these are the other constituents of the same entity; for a relation (more
        than one entity) the parts of the entities it relates.
        """
        target = self.constituent(slot)
        if target is None:
            return ()
        return tuple(
            part
            for part in self.constituents
            if part.slot != slot and len(part.entities) == 1 and part.entities[0] in target.entities
        )

    def heads(self, slot: str) -> tuple[Constituent, ...]:
        """The nouns that a relation stands between: the last part of each of its entities.

        Empty for a slot of a single entity, which needs no other.
        """
        target = self.constituent(slot)
        if target is None or len(target.entities) < 2:
            return ()
        parts = self.partners(slot)
        return tuple(
            max(own, key=lambda part: part.end)
            for own in ([p for p in parts if p.entities == (e,)] for e in target.entities)
            if own
        )

    def pairs_of(self, slot: str) -> frozenset[Pair]:
        """The compositions that decoding `slot` depends on.

        The pairs of values bound together within each of the slot's entities. An entity with a
        single part contributes its pair with the relation it stands in; a prompt of one part
        contributes that part paired with itself.
        """
        target = self.constituent(slot)
        if target is None:
            return frozenset()
        pairs: set[Pair] = set()
        for entity in target.entities:
            parts = [part for part in self.constituents if part.entities == (entity,)]
            keys = sorted(part.key for part in parts)
            if len(keys) == 1:
                links = [
                    part.key
                    for part in self.constituents
                    if len(part.entities) > 1 and entity in part.entities
                ]
                keys = sorted(keys + links) if links else keys * 2
            pairs.update(combinations(keys, 2))
        return frozenset(pairs)

    @property
    def pairs(self) -> frozenset[Pair]:
        """Every composition in the prompt."""
        return frozenset().union(*(self.pairs_of(part.slot) for part in self.constituents))

    @property
    def composition(self) -> str:
        """The prompt's content without its wording: clusters of the bootstrap are made of it.

        Of a prompt whose structure is not known the text itself.
        """
        return " ".join(f"{part.slot}={part.value}" for part in self.constituents) or self.text
