"""Prompts: a text together with the structure that every later stage uses.

A `Prompt` names its constituents by slot (``object_1.colour``, ``relation``), records the span of
each in the text, and carries its minimal foils. No later stage parses text again.

>>> from prompts.structure import Constituent, Foil, Prompt
>>> colour = Constituent("object_1.colour", "colour", "red", 2, 5, ("object_1",))
>>> noun = Constituent("object_1.object", "object", "cup", 6, 9, ("object_1",))
>>> foil = Foil("a blue cup", "colour_replaced")
>>> prompt = Prompt("1", "a red cup", "one_object", "a {colour} {object}", (colour, noun), (foil,))
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import combinations
from typing import Any, Literal

SplitName = Literal["seen", "held_out"]
Pair = tuple[str, str]

PRESENCE = "presence"
"""Prefix of the targets for the presence of a constituent, e.g. ``presence.colour``."""


@lru_cache
def slot_fault(slot: str) -> str | None:
    """The fault of a slot's name, or None: the name must have no other meaning in an audit.

    >>> slot_fault("object_1.colour")
    >>> slot_fault("presence.colour")[:53]
    "slot 'presence.colour' has another meaning in an audi"
    """
    if slot.split(".")[0] == PRESENCE:
        return (
            f"slot {slot!r} has another meaning in an audit, which calls the presence of a "
            f"constituent {PRESENCE}; rename it"
        )
    return None


def folded(text: str) -> str:
    """`text` without case, white space and punctuation, to compare texts.

    >>> folded("A red cup, please.")
    'aredcupplease'
    """
    return "".join(
        character
        for character in text.casefold()
        if not character.isspace() and not unicodedata.category(character).startswith("P")
    )


@dataclass(frozen=True)
class Constituent:
    """A part of a prompt: a word or phrase that fills a slot."""

    slot: str
    """Its role in this prompt, e.g. ``object_1.colour`` or ``relation``."""
    kind: str
    """Its vocabulary, e.g. ``colour``; slots of one kind share their values."""
    value: str
    """Canonical value, e.g. ``red`` or ``left of``, independent of the wording in the text."""
    start: int
    """Index of its first character in the prompt's text."""
    end: int
    """One past the last character."""
    entities: tuple[str, ...]
    """One entity for an attribute, count or noun; both arguments for a relation."""

    @property
    def key(self) -> str:
        """Kind and value together, which identify it across prompts.

        >>> Constituent("object_1.colour", "colour", "red", 2, 5, ("object_1",)).key
        'colour:red'
        """
        return f"{self.kind}:{self.value}"


@dataclass(frozen=True)
class Foil:
    """A minimally different text that is false of every image that its prompt is true of."""

    text: str
    change: str
    """Name of the change, e.g. ``colours_swapped``."""


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
    split: SplitName | None = None
    """``held_out`` if one of its compositions occurs in no seen prompt; None without a split.

    In suites of the rendered world: if no training image of the built-in checkpoints shows it.
    """
    metadata: dict[str, Any] = field(default_factory=dict, hash=False)
    """Other columns of the file that the prompt was imported from, as JSON values."""

    def constituent(self, slot: str) -> Constituent | None:
        """The constituent that fills `slot`, or None.

        >>> from prompts.world import Content, write
        >>> prompt = write(Content((("red", "star"),)))
        >>> prompt.constituent("object_1.colour").value
        'red'
        """
        return next((part for part in self.constituents if part.slot == slot), None)

    def partners(self, slot: str) -> tuple[Constituent, ...]:
        """The constituents from whose words the value of `slot` may be decoded as well.

        For an attribute these are the other constituents of its entity; for a relation (more than
        one entity), the constituents of the related entities. Empty if there is no such slot.

        >>> from prompts.world import Content, write
        >>> prompt = write(Content((("red", "star"),)))
        >>> [part.slot for part in prompt.partners("object_1.colour")]
        ['object_1.shape']
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
        """The nouns of a relation: the last constituent of each of its entities.

        Empty for a slot of a single entity.

        >>> from prompts.world import Content, write
        >>> prompt = write(Content((("red", "star"), ("blue", "cross")), "above"))
        >>> [part.value for part in prompt.heads("relation")]
        ['star', 'cross']
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
        """The compositions of `slot`: the pairs of values within each of its entities.

        An entity with a single constituent contributes its pairs with its relations, or, without
        relations, the constituent paired with itself. Empty if there is no such slot.

        >>> from prompts.world import Content, write
        >>> prompt = write(Content((("red", "star"),)))
        >>> sorted(prompt.pairs_of("object_1.colour"))
        [('colour:red', 'shape:star')]
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
        """The compositions of all slots.

        >>> from prompts.world import Content, write
        >>> prompt = write(Content((("red", "star"),)))
        >>> sorted(prompt.pairs)
        [('colour:red', 'shape:star')]
        """
        return frozenset().union(*(self.pairs_of(part.slot) for part in self.constituents))

    @property
    def composition(self) -> str:
        """The content without its wording, which defines the clusters of the bootstrap.

        The text itself for a prompt without structure.

        >>> from prompts.world import Content, write
        >>> prompt = write(Content((("red", "star"),)))
        >>> prompt.composition
        'object_1.colour=red object_1.shape=star'
        """
        return " ".join(f"{part.slot}={part.value}" for part in self.constituents) or self.text


def slot_names(prompts: Iterable[Prompt]) -> tuple[str, ...]:
    """The slots of `prompts`, in the order in which they are first mentioned.

    >>> from prompts.world import Content, write
    >>> slot_names([write(Content((("red", "star"),)))])
    ('object_1.colour', 'object_1.shape')
    """
    return tuple(dict.fromkeys(part.slot for prompt in prompts for part in prompt.constituents))
