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
class _Spot:
    """A slot whose value can be exchanged for another."""

    slot: int
    others: tuple[tuple[int, ...], ...]
    """For each choice, the choices that make the prompt false."""
    bans: tuple[Ban, ...]


@dataclass(frozen=True, eq=False)
class _Plan:
    """Where each change of a template can be made, found once for all its prompts."""

    swaps: tuple[tuple[str, tuple[_Swap, ...]], ...]
    replacements: tuple[tuple[str, tuple[_Spot, ...]], ...]
    reversals: tuple[tuple[tuple[str, ...], _Spot], ...]
    """(name of the change by choice, where)"""
    counts: tuple[tuple[tuple[str, _Spot], ...], ...]
    """For each count, one more and one less."""
    negations: tuple[tuple[int, tuple[bool, ...], tuple[int, ...]], ...]
    """(relation, by choice whether its second entity is absent, that entity's slots)"""
    pieces: tuple[tuple[str, ...], ...]
    """For each slot the text of each choice, where nothing is counted."""
    is_checked: bool
    """Whether each foil is held against its prompt in full, as nouns may recur."""


def foils_of(
    template: Template, digits: Digits, text: str, places: Sequence[int], draw: int
) -> tuple[Foil, ...]:
    """The foils of a prompt, at most one for each change.

    Args:
        template: that wrote the prompt.
        digits: its choices.
        text: its text.
        places: where in it each slot's piece starts and ends, as `Template.write` gives them.
        draw: a number that decides where a change is made when there are several places.
    """
    plan = _plan(template)
    absent: tuple[int, ...] = ()
    for relation, negative, slots in plan.negations:
        if negative[digits[relation]]:
            absent += slots
    prompt = _Written(template, plan, digits, text, places)
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
            foil = prompt.rewritten(swap.bans, changed, first, second)
            changed[first], changed[second] = digits[first], digits[second]
            if foil is not None:
                foils.append(Foil(foil, change))
                break
    for change, spots in plan.replacements:
        draw, turn = divmod(draw, len(spots))
        for step in range(len(spots)):
            spot = spots[turn - step]
            # Another dog that is not there leaves the picture as it is.
            if spot.slot not in absent:
                draw, foil = prompt.replaced(spot, changed, draw)
                if foil is not None:
                    foils.append(Foil(foil, change))
                    break
    for names, spot in plan.reversals:
        _, foil = prompt.replaced(spot, changed, 0)
        if foil is not None:
            foils.append(Foil(foil, names[digits[spot.slot]]))
            break
    counts = [each for each in plan.counts if each[0][1].slot not in absent]
    if counts:
        for change, spot in counts[draw % len(counts)]:
            _, foil = prompt.replaced(spot, changed, 0)
            if foil is not None:
                foils.append(Foil(foil, change))
    return tuple(foils)


class _Written:
    """A prompt as it was written, ready to be rewritten."""

    __slots__ = ("digits", "places", "plan", "template", "text")

    def __init__(
        self, template: Template, plan: _Plan, digits: Digits, text: str, places: Sequence[int]
    ) -> None:
        self.template = template
        self.plan = plan
        self.digits = digits
        self.text = text
        self.places = places

    def replaced(self, spot: _Spot, changed: list[int], draw: int) -> tuple[int, str | None]:
        """What is left of `draw`, and the text with another value at `spot`, if one will do."""
        slot = spot.slot
        own = self.digits[slot]
        others = spot.others[own]
        if not others:
            return draw, None
        draw, start = divmod(draw, len(others))
        text = None
        for step in range(len(others)):
            choice = others[start - step]
            # Bans see to that in a grammar; a foreign prompt has none.
            if self.plan.is_checked and _is_said_already(self.template, self.digits, slot, choice):
                continue
            changed[slot] = choice
            text = self.rewritten(spot.bans, changed, slot)
            if text is not None:
                break
        changed[slot] = own
        return draw, text

    def rewritten(self, bans: Sequence[Ban], changed: list[int], *slots: int) -> str | None:
        """The text with `slots` as in `changed`; None where a ban or a picture forbids it."""
        for ban in bans:
            if changed[ban.first] * ban.width + changed[ban.second] in ban.codes:
                return None
        template, plan, text, places = self.template, self.plan, self.text, self.places
        if plan.is_checked and can_both_be_true(
            _facts(template, self.digits), _facts(template, changed)
        ):
            return None
        if template.is_counted:
            slots = tuple(sorted({*slots, *self.renumbered(changed, slots)}))
            pieces = [template.piece(slot, changed)[0] for slot in slots]
        else:
            pieces = [plan.pieces[slot][changed[slot]] for slot in slots]
        if len(slots) == 1:
            place = 2 * slots[0]
            return text[: places[place]] + pieces[0] + text[places[place + 1] :]
        rewritten, at = "", 0
        for slot, piece in zip(slots, pieces, strict=True):
            rewritten += text[at : places[2 * slot]] + piece
            at = places[2 * slot + 1]
        return rewritten + text[at:]

    def renumbered(self, changed: list[int], slots: tuple[int, ...]) -> Iterator[int]:
        """Nouns that turn from one to several, or back.

        Others stay as they were written: a source may spell a plural in its own way.
        """
        for slot in slots:
            for noun in self.template.dependents[slot]:
                was = self.template.is_plural(noun, self.digits)
                if was != self.template.is_plural(noun, changed):
                    yield noun


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
    replacements: dict[str, list[_Spot]] = {}
    reversals, counts = [], []
    for index, slot in enumerate(template.slots):
        if slot.is_fixed:
            continue
        role = slot.vocabulary.role
        name = {"noun": "object", "count": "count"}.get(role, slot.kind)
        if slot.vocabulary.is_exclusive and role != "count":
            spot = _Spot(index, slot.choices.others, _bans(template, index))
            replacements.setdefault(f"{name}_replaced", []).append(spot)
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
        replacements=tuple((change, tuple(spots)) for change, spots in replacements.items()),
        reversals=tuple(reversals),
        counts=tuple(counts),
        negations=tuple(_negations(template)),
        pieces=tuple(tuple(piece for piece, _ in slot.choices.singular) for slot in template.slots),
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


def _reversal(template: Template, index: int) -> tuple[tuple[str, ...], _Spot]:
    slot = template.slots[index]
    negative = slot.vocabulary.table.negative
    names = tuple(
        f"{slot.kind}_reversed"
        if not negative
        else ("negation_dropped" if value in negative else "negation_added")
        for value in slot.choices.values
    )
    others = tuple((choice,) if choice >= 0 else () for choice in slot.choices.reversed)
    return names, _Spot(index, others, _bans(template, index))


def _steps(template: Template, index: int) -> Iterator[tuple[str, _Spot]]:
    numbers = template.slots[index].choices.numbers
    for change, by in (("count_plus_one", 1), ("count_minus_one", -1)):
        others = tuple(
            (numbers.index(number + by),) if number + by in numbers else () for number in numbers
        )
        yield change, _Spot(index, others, _bans(template, index))


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
