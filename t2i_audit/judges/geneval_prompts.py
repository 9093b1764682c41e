"""What GenEval's rules look for in the images of a prompt."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from prompts.inflection import NUMBERS, number_of
from prompts.structure import Constituent, Prompt
from t2i_audit.judges.geneval_rules import COLOURS, Clause, Excluded, Position

# Wordings that suites give as the value of a relation.
POSITIONS: Mapping[str, Position] = {
    **{name: name for name in get_args(Position)},
    "to the left of": "left of",
    "on the left of": "left of",
    "to the right of": "right of",
    "on the right of": "right of",
    "over": "above",
    "under": "below",
    "beneath": "below",
}
SlotKind = Literal["object", "count", "colour", "relation"]


@dataclass(frozen=True)
class Slot:
    """A slot of the prompt and the clause that decides it."""

    name: str
    kind: SlotKind
    clause: int


@dataclass(frozen=True)
class Request:
    """A prompt as GenEval's clauses."""

    clauses: tuple[Clause, ...]
    excluded: tuple[Excluded, ...]
    slots: tuple[Slot, ...]

    @property
    def counting(self) -> bool:
        """Whether the prompt counts, for which only confident boxes are kept."""
        return bool(self.excluded)

    @property
    def names(self) -> tuple[str, ...]:
        """The classes it asks for, in order."""
        return tuple(dict.fromkeys(clause.name for clause in self.clauses))


@dataclass(frozen=True)
class _Entity:
    noun: Constituent
    colour: Constituent | None
    count: Constituent | None


def request_of(prompt: Prompt, label_of: Callable[[str], str | None]) -> Request | str:
    """The clauses of `prompt`, or the reason why GenEval's rules cannot judge it.

    A clause is made of each entity: its noun, a colour and a count. A relation belongs to its
    first entity's clause, which stands behind the second's. An exact count above one also excludes
    one more, as in GenEval.

    Args:
        prompt: with its structure.
        label_of: the detector's class for a word; None if it has none.
    """
    if not prompt.constituents:
        return "the prompt has no constituents to look for"
    found = _entities(prompt)
    if isinstance(found, str):
        return found
    relations = _relations(prompt, found)
    if isinstance(relations, str):
        return relations
    order = _targets_first(tuple(found), relations)
    if order is None:
        return "its relations form a circle, which GenEval's clauses cannot say"
    clauses: list[Clause] = []
    excluded: list[Excluded] = []
    slots: list[Slot] = []
    for index, name in enumerate(order):
        entity = found[name]
        label = label_of(entity.noun.value)
        if label is None:
            return f"the detector has no class for {entity.noun.value!r}"
        count = number_of(entity.count.value) if entity.count else 1
        colour = entity.colour.value if entity.colour else ""
        position = None
        slots.append(Slot(entity.noun.slot, "object", index))
        if entity.count:
            slots.append(Slot(entity.count.slot, "count", index))
        if entity.colour:
            slots.append(Slot(entity.colour.slot, "colour", index))
        if name in relations:
            relation = relations[name]
            position = (POSITIONS[relation.value], order.index(relation.entities[1]))
            slots.append(Slot(relation.slot, "relation", index))
        clauses.append(Clause(label, count, colour, position))
        if count > 1:
            excluded.append(Excluded(label, count + 1))
    return Request(tuple(clauses), tuple(excluded), tuple(slots))


def _entities(prompt: Prompt) -> dict[str, _Entity] | str:
    """The entities in the order of the text, or why they are not GenEval's."""
    parts: dict[str, list[Constituent]] = {}
    for part in sorted(prompt.constituents, key=lambda part: part.start):
        if len(part.entities) == 1:
            parts.setdefault(part.entities[0], []).append(part)
    entities = {}
    for name, own in parts.items():
        # Attributes come first in a noun phrase, as in `Prompt.heads`.
        noun = max(own, key=lambda part: part.end)
        colours = [part for part in own if part is not noun and part.value in COLOURS]
        counts = [part for part in own if part.kind == "count" and part.value in NUMBERS]
        for part in own:
            if part not in (noun, *colours, *counts):
                return f"GenEval's rules have no {part.kind} {part.value!r}"
        if noun in counts or len(colours) > 1 or len(counts) > 1:
            return "an object has no noun, or more than one colour or count"
        entities[name] = _Entity(noun, *(each[0] if each else None for each in (colours, counts)))
    return entities


def _relations(prompt: Prompt, entities: Mapping[str, _Entity]) -> dict[str, Constituent] | str:
    """The relation of each first entity, or why they are not GenEval's."""
    relations: dict[str, Constituent] = {}
    for part in prompt.constituents:
        if len(part.entities) == 1:
            continue
        if part.value not in POSITIONS:
            return f"GenEval's rules have no {part.kind} {part.value!r}"
        if len(set(part.entities)) != 2 or not set(part.entities) <= set(entities):
            return "a relation is not between two objects that the prompt names"
        if part.entities[0] in relations:
            return "an object is in two relations, and a clause of GenEval holds one"
        relations[part.entities[0]] = part
    return relations


def _targets_first(names: Sequence[str], relations: Mapping[str, Constituent]) -> list[str] | None:
    """The entities, each behind the one that its relation refers to; None if that is a circle."""
    order: list[str] = []
    while len(order) < len(names):
        ready = [
            name
            for name in names
            if name not in order and (name not in relations or relations[name].entities[1] in order)
        ]
        if not ready:
            return None
        order.append(ready[0])
    return order
