"""Minimal foils: what a prompt says with one thing changed, where that makes it false.

A change is a slot exchanged with another of its kind, a value replaced by one that excludes it, a
relation reversed, a count one off, or a negation dropped or put in. What may be true of a picture
that the prompt is true of is left out (see `prompts.scene`): "a dog near a cat" is no foil of "a
cat near a dog", nor "a red cat and a dog" of "a red dog and a cat". Every foil keeps to the
template's bans, so that it is as well-formed, and as plausible, as its prompt.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from prompts.grammar.permute import mix
from prompts.grammar.template import Ban, Digits, Template, same_or_overlapping
from prompts.scene import Fact, can_both_be_true
from prompts.structure import Foil


@dataclass(frozen=True, eq=False)
class _Swap:
    """Two slots of one vocabulary that can be exchanged."""

    first: int
    second: int
    width: int
    """Number of choices of a slot."""
    alike: frozenset[int]
    """``first choice * width + second choice`` of what may be true of the same thing."""
    tied: tuple[tuple[int, int, int, frozenset[int]], ...] | None
    """For nouns: the attributes of one kind that both have, as the four fields above."""
    sided: tuple[tuple[int, tuple[bool, ...]], ...]
    """For nouns: the relations between them, and which of their choices have sides."""
    bans: tuple[Ban, ...]

    def tells_apart(self, digits: Digits) -> bool:
        """Whether an exchange leaves no picture that prompt and foil are both true of."""
        if digits[self.first] * self.width + digits[self.second] in self.alike:
            return False
        if self.tied is None:
            return True
        # Two nouns exchanged say the same unless something that is said of both differs.
        for first, second, width, alike in self.tied:
            if digits[first] * width + digits[second] not in alike:
                return True
        return any(sided[digits[relation]] for relation, sided in self.sided)


@dataclass(frozen=True, eq=False)
class _Place:
    """A slot whose value can be exchanged for another."""

    slot: int
    others: tuple[tuple[int, ...], ...]
    """For each choice, the choices that make the prompt false."""
    bans: tuple[Ban, ...]


@dataclass(frozen=True, eq=False)
class _Plan:
    """Where each change of a template can be made, found once for all its prompts."""

    swaps: tuple[tuple[str, tuple[_Swap, ...]], ...]
    replacements: tuple[tuple[str, tuple[_Place, ...]], ...]
    reversals: tuple[tuple[int, tuple[str, ...], tuple[_Place, ...]], ...]
    """(slot, name of the change by choice, the slot as a place)"""
    counts: tuple[tuple[tuple[str, _Place], ...], ...]
    """For each count, (change, place) of one more and of one less."""
    negations: tuple[tuple[int, tuple[bool, ...], tuple[int, ...]], ...]
    """(relation, by choice whether its second entity is absent, that entity's slots)"""
    is_checked: bool
    """Whether each foil is held against its prompt in full, as nouns may recur."""


def foils_of(template: Template, digits: Digits, out: list[str], draw: int) -> tuple[Foil, ...]:
    """The foils of a prompt, at most one for each change.

    Args:
        template: that wrote the prompt.
        digits: its choices.
        out: its pieces as `Template.write` gives them.
        draw: a number that decides where a change is made when there are several places.
    """
    plan = _plan(template)
    absent: tuple[int, ...] = ()
    for relation, negative, slots in plan.negations:
        if negative[digits[relation]]:
            absent += slots
    changed = list(digits)
    foils = []
    for change, swaps in plan.swaps:
        draw, turn = divmod(draw, len(swaps))
        for step in range(len(swaps)):
            swap = swaps[turn - step]
            first, second = swap.first, swap.second
            if not swap.tells_apart(digits) or (first in absent and second in absent):
                continue
            # Choices are numbered alike in slots of one vocabulary, with an article or without.
            changed[first], changed[second] = digits[second], digits[first]
            text = _text(template, plan, swap.bans, digits, changed, out, (first, second))
            changed[first], changed[second] = digits[first], digits[second]
            if text is not None:
                foils.append(Foil(text, change))
                break
    for change, places in plan.replacements:
        draw, turn = divmod(draw, len(places))
        for step in range(len(places)):
            # Another dog that is not there leaves the picture as it is.
            if places[turn - step].slot not in absent:
                draw, text = _replaced(
                    template, plan, places[turn - step], digits, changed, out, draw
                )
                if text is not None:
                    foils.append(Foil(text, change))
                    break
    for slot, names, places in plan.reversals:
        _, text = _replaced(template, plan, places[0], digits, changed, out, 0)
        if text is not None:
            foils.append(Foil(text, names[digits[slot]]))
            break
    counts = [each for each in plan.counts if each[0][1].slot not in absent]
    if counts:
        for change, place in counts[draw % len(counts)]:
            _, text = _replaced(template, plan, place, digits, changed, out, 0)
            if text is not None:
                foils.append(Foil(text, change))
    return tuple(foils)


def _replaced(
    template: Template,
    plan: _Plan,
    place: _Place,
    digits: Digits,
    changed: list[int],
    out: list[str],
    draw: int,
) -> tuple[int, str | None]:
    """What is left of `draw`, and the text with another value at `place`, if one will do."""
    slot = place.slot
    others = place.others[digits[slot]]
    if not others:
        return draw, None
    draw, start = divmod(draw, len(others))
    text = None
    for step in range(len(others)):
        choice = others[start - step]
        # Bans see to that in a grammar; a foreign prompt has none.
        if plan.is_checked and _is_said_already(template, digits, slot, choice):
            continue
        changed[slot] = choice
        text = _text(template, plan, place.bans, digits, changed, out, (slot,))
        if text is not None:
            break
    changed[slot] = digits[slot]
    return draw, text


def _text(
    template: Template,
    plan: _Plan,
    bans: Sequence[Ban],
    digits: Digits,
    changed: list[int],
    out: list[str],
    slots: tuple[int, ...],
) -> str | None:
    """The text with `slots` as `changed` has them; None where a ban or a picture forbids it."""
    for ban in bans:
        if changed[ban.first] * ban.width + changed[ban.second] in ban.codes:
            return None
    if plan.is_checked and can_both_be_true(_facts(template, digits), _facts(template, changed)):
        return None
    pieces = out.copy()
    if template.is_counted:
        for slot in slots:
            for noun in template.dependents[slot]:
                # A plural stays as it was written: a source may spell it in its own way.
                if template.is_plural(noun, digits) != template.is_plural(noun, changed):
                    pieces[2 * noun + 1] = template.piece(noun, changed)[0]
        for slot in slots:
            pieces[2 * slot + 1] = template.piece(slot, changed)[0]
    else:
        for slot in slots:
            pieces[2 * slot + 1] = template.slots[slot].choices.singular[changed[slot]][0]
    return "".join(pieces)


def _is_said_already(template: Template, digits: Digits, place: int, choice: int) -> bool:
    own = template.slots[place]
    value = own.choices.values[choice]
    return own.vocabulary.role != "relation" and any(
        slot.vocabulary is own.vocabulary and slot.choices.values[digit] == value
        for slot, digit in zip(template.slots, digits, strict=True)
    )


def _facts(template: Template, digits: Sequence[int]) -> tuple[Fact, ...]:
    return tuple(
        (slot.vocabulary, slot.choices.values[digit], slot.entities)
        for slot, digit in zip(template.slots, digits, strict=True)
    )


@lru_cache(maxsize=4096)
def _plan(template: Template) -> _Plan:
    swaps: dict[str, list[_Swap]] = {}
    replacements: dict[str, list[_Place]] = {}
    reversals, counts = [], []
    for index, slot in enumerate(template.slots):
        if slot.is_fixed:
            continue
        role = slot.vocabulary.role
        name = {"noun": "object", "count": "count"}.get(role, slot.kind)
        if slot.vocabulary.is_exclusive and role != "count":
            place = _Place(index, slot.choices.others, _bans(template, index))
            replacements.setdefault(f"{name}_replaced", []).append(place)
        if role == "count":
            counts.append(tuple(_steps(template, index)))
        if role == "relation":
            if slot.vocabulary.reverse:
                reversals.append(_reversal(template, index))
            continue
        for swap in _swaps(template, index):
            swaps.setdefault(f"{name}s_swapped", []).append(swap)
    return _Plan(
        swaps=tuple((change, tuple(pairs)) for change, pairs in swaps.items()),
        replacements=tuple((change, tuple(places)) for change, places in replacements.items()),
        reversals=tuple(reversals),
        counts=tuple(counts),
        negations=tuple(_negations(template)),
        is_checked=not template.has_distinct_nouns,
    )


def _bans(template: Template, *slots: int) -> tuple[Ban, ...]:
    return tuple(ban for ban in template.bans if ban.first in slots or ban.second in slots)


def _swaps(template: Template, first: int) -> Iterator[_Swap]:
    """Exchanges of the slot `first` with the later ones of its vocabulary."""
    slots = template.slots
    one = slots[first]
    for second in range(first + 1, len(slots)):
        other = slots[second]
        if other.vocabulary is not one.vocabulary or other.is_fixed:
            continue
        if other.entities == one.entities:
            continue
        is_noun = one.vocabulary.role == "noun"
        yield _Swap(
            first,
            second,
            *_alike(template, first, second),
            tied=tuple(_tied(template, first, second)) if is_noun else None,
            sided=tuple(_sided(template, first, second)) if is_noun else (),
            bans=_bans(template, first, second),
        )


def _alike(template: Template, first: int, second: int) -> tuple[int, frozenset[int]]:
    one, other = template.slots[first].choices, template.slots[second].choices
    return len(other.values), same_or_overlapping(one, other)


def _tied(
    template: Template, first: int, second: int
) -> Iterator[tuple[int, int, int, frozenset[int]]]:
    own, other = (
        {
            slot.vocabulary: index
            for index, slot in enumerate(template.slots)
            if slot.entities == template.slots[noun].entities and index != noun
        }
        for noun in (first, second)
    )
    for vocabulary, index in own.items():
        if vocabulary in other:
            yield index, other[vocabulary], *_alike(template, index, other[vocabulary])


def _sided(template: Template, first: int, second: int) -> Iterator[tuple[int, tuple[bool, ...]]]:
    pair = {template.slots[first].entities[0], template.slots[second].entities[0]}
    for index, slot in enumerate(template.slots):
        if set(slot.entities) == pair:
            symmetric = slot.vocabulary.table.symmetric
            yield index, tuple(value not in symmetric for value in slot.choices.values)


def _reversal(template: Template, index: int) -> tuple[int, tuple[str, ...], tuple[_Place, ...]]:
    slot = template.slots[index]
    negative = slot.vocabulary.table.negative
    names = tuple(
        f"{slot.kind}_reversed"
        if not negative
        else ("negation_dropped" if value in negative else "negation_added")
        for value in slot.choices.values
    )
    others = tuple((choice,) if choice >= 0 else () for choice in slot.choices.reversed)
    return index, names, (_Place(index, others, _bans(template, index)),)


def _steps(template: Template, index: int) -> Iterator[tuple[str, _Place]]:
    numbers = template.slots[index].choices.numbers
    for change, by in (("count_plus_one", 1), ("count_minus_one", -1)):
        others = tuple(
            (numbers.index(number + by),) if number + by in numbers else () for number in numbers
        )
        yield change, _Place(index, others, _bans(template, index))


def _negations(template: Template) -> Iterator[tuple[int, tuple[bool, ...], tuple[int, ...]]]:
    for index, slot in enumerate(template.slots):
        negative = slot.vocabulary.table.negative
        if negative:
            absent = tuple(
                j for j, own in enumerate(template.slots) if own.entities == slot.entities[1:]
            )
            yield index, tuple(value in negative for value in slot.choices.values), absent


def draw_of(index: int, seed: int) -> int:
    """The number that decides a prompt's foils."""
    return mix(index ^ mix(seed))
