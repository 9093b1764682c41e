"""Minimal foils: what a prompt says with one thing changed, where that makes it false.

A change is a slot exchanged with another of its kind, a value replaced by one that excludes it, a
relation reversed, a count one off, or a negation dropped or put in. What may be true of a picture
that the prompt is true of is left out (see `prompts.scene`): "a dog near a cat" is no foil of "a
cat near a dog", nor "a red cat and a dog" of "a red dog and a cat". Every foil keeps to the
template's bans, so that it is as well-formed, and as plausible, as its prompt.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from prompts.grammar.permute import mix
from prompts.grammar.template import Digits, Template
from prompts.scene import Fact, can_both_be_true
from prompts.structure import Foil

Edit = tuple[tuple[int, int], ...]
"""New choices: (slot, choice) for each slot that changes."""


@dataclass(frozen=True, eq=False)
class _Plan:
    """Where each change of a template can be made, found once for all its prompts."""

    swaps: tuple[tuple[str, tuple[tuple[int, int], ...]], ...]
    """(change, pairs of slots) to exchange."""
    replacements: tuple[tuple[str, tuple[int, ...]], ...]
    """(change, slots) whose value can be replaced."""
    relations: tuple[int, ...]
    counts: tuple[int, ...]
    negations: tuple[tuple[int, tuple[int, ...]], ...]
    """Relations that may say that their second entity is absent, with the slots of that entity."""
    tied: dict[tuple[int, int], tuple[tuple[tuple[int, int], ...], tuple[int, ...]]]
    """For two nouns, their attributes of the same kinds, and the relations between them."""


def foils_of(template: Template, digits: Digits, out: list[str], draw: int) -> tuple[Foil, ...]:
    """The foils of a prompt, at most one for each change.

    Args:
        template: that wrote the prompt.
        digits: its choices.
        out: its pieces as `Template.write` gives them.
        draw: a number that decides where a change is made when there are several places.
    """
    foils = []
    for change, edit in _edits(template, digits, draw):
        text = _rewritten(template, digits, out, edit)
        foils.append(Foil(text, change))
    return tuple(foils)


def _edits(template: Template, digits: Digits, draw: int) -> Iterator[tuple[str, Edit]]:
    plan = _plan(template)
    slots = template.slots
    checked = not template.has_distinct_nouns
    absent = _absent(template, plan, digits) if plan.negations else ()
    for change, pairs in plan.swaps:
        if absent:
            pairs = tuple(pair for pair in pairs if not set(pair) <= set(absent))
            if not pairs:
                continue
        draw, turn = divmod(draw, len(pairs))
        for step in range(len(pairs)):
            first, second = pairs[(turn + step) % len(pairs)]
            edit = _swap(template, plan, digits, first, second)
            if edit and _is_sound(template, digits, edit, checked):
                yield change, edit
                break
    for change, places in plan.replacements:
        if absent:
            # Another dog that is not there leaves the picture as it is.
            places = tuple(place for place in places if place not in absent)
            if not places:
                continue
        draw, turn = divmod(draw, len(places))
        place = places[turn]
        others = slots[place].choices.others[digits[place]]
        if not others:
            continue
        draw, start = divmod(draw, len(others))
        for step in range(len(others)):
            edit = ((place, others[(start + step) % len(others)]),)
            # Bans see to that in a grammar; a foreign prompt has none.
            if checked and _is_said_already(template, digits, *edit[0]):
                continue
            if _is_sound(template, digits, edit, checked):
                yield change, edit
                break
    for index in plan.relations:
        vocabulary, choices = slots[index].vocabulary, slots[index].choices
        edit = ((index, choices.reversed[digits[index]]),)
        if edit[0][1] >= 0 and _is_sound(template, digits, edit, checked):
            value = choices.values[digits[index]]
            if not vocabulary.table.negative:
                yield f"{slots[index].kind}_reversed", edit
            elif value in vocabulary.table.negative:
                yield "negation_dropped", edit
            else:
                yield "negation_added", edit
            break
    counts = tuple(place for place in plan.counts if place not in absent)
    if counts:
        draw, turn = divmod(draw, len(counts))
        index = counts[turn]
        numbers = slots[index].choices.numbers
        for change, by in (("count_plus_one", 1), ("count_minus_one", -1)):
            wanted = numbers[digits[index]] + by
            if wanted in numbers:
                edit = ((index, numbers.index(wanted)),)
                if _is_sound(template, digits, edit, checked):
                    yield change, edit


def _absent(template: Template, plan: _Plan, digits: Digits) -> tuple[int, ...]:
    """Slots of entities that the prompt says are not there."""
    absent: tuple[int, ...] = ()
    for relation, slots in plan.negations:
        choices = template.slots[relation].choices
        if choices.values[digits[relation]] in choices.vocabulary.table.negative:
            absent += slots
    return absent


def _swap(template: Template, plan: _Plan, digits: Digits, first: int, second: int) -> Edit | None:
    """Exchange two slots, unless the same picture may still be meant."""
    slots = template.slots
    one, other = slots[first].choices, slots[second].choices
    values = one.values[digits[first]], other.values[digits[second]]
    if values[1] in one.vocabulary.overlapping[values[0]]:
        return None
    if (first, second) in plan.tied and not _tells_apart(template, plan, digits, first, second):
        return None
    # Choices are numbered alike in slots of one vocabulary, with an article or without.
    return (first, digits[second]), (second, digits[first])


def _tells_apart(template: Template, plan: _Plan, digits: Digits, first: int, second: int) -> bool:
    """Whether two nouns differ in an attribute that both have, or in a relation that has sides."""
    slots = template.slots
    attributes, relations = plan.tied[first, second]
    for i, j in attributes:
        own, other = slots[i].choices.values[digits[i]], slots[j].choices.values[digits[j]]
        if other not in slots[i].vocabulary.overlapping[own]:
            return True
    return any(
        slots[i].choices.values[digits[i]] not in slots[i].vocabulary.table.symmetric
        for i in relations
    )


def _is_said_already(template: Template, digits: Digits, place: int, choice: int) -> bool:
    own = template.slots[place]
    value = own.choices.values[choice]
    return any(
        slot.vocabulary is own.vocabulary and slot.choices.values[digit] == value
        for slot, digit in zip(template.slots, digits, strict=True)
    )


def _is_sound(template: Template, digits: Digits, edit: Edit, checked: bool) -> bool:
    changed = list(digits)
    for slot, choice in edit:
        changed[slot] = choice
    if not template.allows(changed):
        return False
    return not checked or not can_both_be_true(_facts(template, digits), _facts(template, changed))


def _facts(template: Template, digits: Digits | list[int]) -> tuple[Fact, ...]:
    return tuple(
        (slot.vocabulary, slot.choices.values[digit], slot.entities)
        for slot, digit in zip(template.slots, digits, strict=True)
    )


def _rewritten(template: Template, digits: Digits, out: list[str], edit: Edit) -> str:
    text = out.copy()
    changed = digits
    if template.is_counted:
        mutable = list(digits)
        for slot, choice in edit:
            mutable[slot] = choice
        changed = tuple(mutable)
        for slot, _ in edit:
            for noun in template.dependents[slot]:
                # A plural stays as it was written: a source may spell it in its own way.
                if template.is_plural(noun, digits) != template.is_plural(noun, changed):
                    text[2 * noun + 1] = template.piece(noun, changed)[0]
    for slot, choice in edit:
        singular = template.slots[slot]
        if singular.counted_by < 0:
            text[2 * slot + 1] = singular.choices.singular[choice][0]
        else:
            text[2 * slot + 1] = template.piece(slot, changed)[0]
    return "".join(text)


@lru_cache(maxsize=4096)
def _plan(template: Template) -> _Plan:
    slots = template.slots
    swaps: dict[str, list[tuple[int, int]]] = {}
    replacements: dict[str, list[int]] = {}
    tied: dict[tuple[int, int], tuple[tuple[tuple[int, int], ...], tuple[int, ...]]] = {}
    for index, slot in enumerate(slots):
        role = slot.vocabulary.role
        name = {"noun": "object", "count": "count"}.get(role, slot.kind)
        if slot.is_fixed:
            continue
        if slot.vocabulary.is_exclusive and role != "count":
            replacements.setdefault(f"{name}_replaced", []).append(index)
        if role == "relation":
            continue
        for later in range(index + 1, len(slots)):
            other = slots[later]
            alike_words = other.vocabulary is slot.vocabulary and not other.is_fixed
            if not alike_words or other.entities == slot.entities:
                continue
            swaps.setdefault(f"{name}s_swapped", []).append((index, later))
            if role == "noun":
                tied[index, later] = (
                    _attributes(template, index, later),
                    _relations(template, index, later),
                )
    return _Plan(
        swaps=tuple((change, tuple(pairs)) for change, pairs in swaps.items()),
        replacements=tuple((change, tuple(places)) for change, places in replacements.items()),
        relations=tuple(
            i for i, slot in enumerate(slots) if slot.vocabulary.reverse and not slot.is_fixed
        ),
        counts=tuple(
            i
            for i, slot in enumerate(slots)
            if slot.vocabulary.role == "count" and not slot.is_fixed
        ),
        negations=tuple(
            (i, tuple(j for j, own in enumerate(slots) if own.entities == slot.entities[1:]))
            for i, slot in enumerate(slots)
            if slot.vocabulary.table.negative
        ),
        tied=tied,
    )


def _attributes(template: Template, first: int, second: int) -> tuple[tuple[int, int], ...]:
    own, other = (
        {
            slot.vocabulary: index
            for index, slot in enumerate(template.slots)
            if slot.entities == template.slots[noun].entities and index != noun
        }
        for noun in (first, second)
    )
    return tuple((index, other[kind]) for kind, index in own.items() if kind in other)


def _relations(template: Template, first: int, second: int) -> tuple[int, ...]:
    pair = {template.slots[first].entities[0], template.slots[second].entities[0]}
    return tuple(index for index, slot in enumerate(template.slots) if set(slot.entities) == pair)


def draw_of(index: int, seed: int) -> int:
    """The number that decides a prompt's foils."""
    return mix(index ^ mix(seed))
