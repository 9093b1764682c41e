"""Minimal foils: what a prompt says with one thing changed, where that makes it false.

A change is a slot exchanged with another of its kind, a value replaced by one that excludes it, a
relation reversed, a count one off, or a negation dropped or put in. What may be true of a picture
that the prompt is true of is left out (see `prompts.foils.compatibility`): "a dog near a cat" is no foil of "a
cat near a dog", nor "a red cat and a dog" of "a red dog and a cat". Every foil keeps to the
template's bans, so that it is as well-formed, and as plausible, as its prompt. What a prompt says
more than once is changed everywhere, or not at all (see `prompts.english.mentions`), and nothing is put in
that the prompt names elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from prompts.english.mentions import Echo
from prompts.english.words import article_before, is_said
from prompts.foils.compatibility import Fact, can_both_be_true
from prompts.grammar.template import Ban, Digits, Template, TemplateSlot, same_or_overlapping
from prompts.permutation import mix
from prompts.structure import Foil

_Ban = tuple[int, int, int, frozenset[int]]
"""First slot, second slot, number of the second's choices, and the codes that are banned."""
_Alike = tuple[int, int, int, frozenset[int]]
"""As `_Ban`, with the codes of choices that may be true of the same thing."""
_Sided = tuple[tuple[int, tuple[bool, ...]], ...]
"""Relations, and which of their choices have sides."""
# Plain tuples: foils are most of the work of a prompt, and unpacking is cheap.
_Swap = tuple[int, int, int, frozenset[int], tuple[_Alike, ...] | None, _Sided, tuple[_Ban, ...]]
"""An exchange of two slots: `_Alike` of the two, then, for nouns, of the attributes of one kind
that both have (None for other slots), the relations between them, and the bans that matter."""
_Spot = tuple[int, tuple[tuple[int, ...], ...], tuple[_Ban, ...]]
"""A slot whose value can be replaced, for each choice those that make the prompt false, and the
bans that matter."""


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
    is_plain: bool
    """Whether a slot can be rewritten without regard to others: nothing counted or checked."""


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
    pieces = plan.pieces if plan.is_plain else None
    changed = list(digits)
    foils = []
    for change, swaps in plan.swaps:
        if len(swaps) > 1:
            draw, turn = divmod(draw, len(swaps))
            swaps = swaps[turn:] + swaps[:turn]
        for first, second, width, alike, tied, sided, bans in swaps:
            own, other = digits[first], digits[second]
            if own * width + other in alike or (first in absent and second in absent):
                continue
            # Two nouns exchanged say the same unless something that is said of both differs.
            if tied is not None and not _tells_apart(digits, tied, sided):
                continue
            # Choices are numbered alike in slots of one vocabulary, with an article or without.
            changed[first], changed[second] = other, own
            if not bans or _allows(bans, changed):
                if pieces:
                    start, end = 2 * first, 2 * second
                    foil: str | None = (
                        text[: places[start]]
                        + pieces[first][other]
                        + text[places[start + 1] : places[end]]
                        + pieces[second][own]
                        + text[places[end + 1] :]
                    )
                else:
                    foil = _rewritten(template, plan, digits, changed, text, places, first, second)
                if foil is not None:
                    foils.append(Foil(foil, change))
                    changed[first], changed[second] = own, other
                    break
            changed[first], changed[second] = own, other
    spots: tuple[_Spot, ...]
    for change, spots in plan.replacements:
        if absent:
            # Another dog that is not there leaves the picture as it is.
            spots = tuple(spot for spot in spots if spot[0] not in absent)
        if len(spots) > 1:
            draw, turn = divmod(draw, len(spots))
            spots = spots[turn:] + spots[:turn]
        for spot in spots:
            draw, foil = _replaced(template, plan, digits, changed, text, places, spot, draw)
            if foil is not None:
                foils.append(Foil(foil, change))
                break
    for names, spot in plan.reversals:
        _, foil = _replaced(template, plan, digits, changed, text, places, spot, 0)
        if foil is not None:
            foils.append(Foil(foil, names[digits[spot[0]]]))
            break
    counts = [each for each in plan.counts if each[0][1][0] not in absent]
    if counts:
        for change, spot in counts[draw % len(counts)]:
            _, foil = _replaced(template, plan, digits, changed, text, places, spot, 0)
            if foil is not None:
                foils.append(Foil(foil, change))
    return tuple(foils)


def _tells_apart(digits: Digits, tied: tuple[_Alike, ...], sided: _Sided) -> bool:
    for first, second, width, alike in tied:
        if digits[first] * width + digits[second] not in alike:
            return True
    return any(sides[digits[relation]] for relation, sides in sided)


def _allows(bans: tuple[_Ban, ...], changed: list[int]) -> bool:
    for first, second, width, codes in bans:
        if changed[first] * width + changed[second] in codes:
            return False
    return True


def _replaced(
    template: Template,
    plan: _Plan,
    digits: Digits,
    changed: list[int],
    text: str,
    places: Sequence[int],
    spot: _Spot,
    draw: int,
) -> tuple[int, str | None]:
    """What is left of `draw`, and the text with another value at `spot`, if one will do."""
    slot, choices, bans = spot
    own = digits[slot]
    others = choices[own]
    start = 0
    if len(others) > 1:
        draw, start = divmod(draw, len(others))
    foil = None
    for step in range(len(others)):
        choice = changed[slot] = others[start - step]
        if bans and not _allows(bans, changed):
            continue
        if plan.is_plain:
            foil = (
                text[: places[2 * slot]] + plan.pieces[slot][choice] + text[places[2 * slot + 1] :]
            )
            break
        # Bans see to that in a grammar; a foreign prompt has none.
        if plan.is_checked and _is_said_already(template, digits, slot, choice):
            continue
        foil = _rewritten(template, plan, digits, changed, text, places, slot)
        if foil is not None:
            break
    changed[slot] = own
    return draw, foil


def _rewritten(
    template: Template,
    plan: _Plan,
    digits: Digits,
    changed: list[int],
    text: str,
    places: Sequence[int],
    *slots: int,
) -> str | None:
    """The text with `slots` as in `changed`; None where a picture may be described by both."""
    if plan.is_checked and can_both_be_true(_facts(template, digits), _facts(template, changed)):
        return None
    renumbered = set(_renumbered(template, digits, changed, slots))
    if any(template.slots[noun].is_fixed or _echoes(template, noun) for noun in renumbered):
        # What else is said of it ("the cats are ...") has its old number.
        return None
    edits = []
    for slot in {*slots, *renumbered}:
        start, end = places[2 * slot], places[2 * slot + 1]
        new = template.piece(slot, changed)[0]
        if text[start:end] != template.piece(slot, digits)[0]:
            new = _cased(new, text, start)
        edits.append((start, end, new))
        edits += [_echoed(template, changed, text, slot, echo) for echo in _echoes(template, slot)]
    rewritten, at = "", 0
    for start, end, new in sorted(edits):
        rewritten += text[at:start] + new
        at = end
    return rewritten + text[at:]


def _echoes(template: Template, slot: int) -> tuple[Echo, ...]:
    return tuple(echo for echo in template.echoes if echo.slot == template.slots[slot].name)


def _echoed(
    template: Template, changed: Sequence[int], text: str, slot: int, echo: Echo
) -> tuple[int, int, str]:
    """Start, end and new text of a further mention of `slot`, with its article."""
    choices = template.slots[slot].choices
    vocabulary, words = choices.vocabulary, choices.words[changed[slot]]
    article = article_before(text, echo.start)
    new = vocabulary.plural(words) if echo.is_plural else words
    if article:
        new = f"{vocabulary.article(new)} {new}"
    start = echo.start - len(article)
    return start, echo.end, _cased(new, text, start)


def _cased(new: str, text: str, start: int) -> str:
    """`new` in capitals where all of `text` is, and with a capital where a sentence begins."""
    if text.isupper():
        return new.upper()
    before = text[:start].rstrip()
    if text[start].isupper() and (not before or before[-1] in ".!?"):
        return new[0].upper() + new[1:]
    return new


def _renumbered(
    template: Template, digits: Digits, changed: list[int], slots: tuple[int, ...]
) -> Iterator[int]:
    """Nouns that turn from one to several, or back.

    Others stay as they were written: a source may spell a plural in its own way.
    """
    for slot in slots:
        for noun in template.dependents[slot]:
            if template.is_plural(noun, digits) != template.is_plural(noun, changed):
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
            spot = (index, _others(template, slot), _bans(template, index))
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
        is_plain=template.has_distinct_nouns and not template.is_counted and not template.echoes,
    )


def _others(template: Template, slot: TemplateSlot) -> tuple[tuple[int, ...], ...]:
    """For each choice those that exclude it, without what the text around the slots names.

    "A cat on a table" has no foil "a table on a table", which names the table twice.
    """
    said = template.words_said
    named = {
        index
        for value, index in slot.choices.usual.items()
        if is_said(slot.vocabulary, value, said)
    }
    if not named:
        return slot.choices.others
    return tuple(
        tuple(choice for choice in others if choice not in named) for others in slot.choices.others
    )


def _bans(template: Template, *slots: int) -> tuple[_Ban, ...]:
    """The bans that a change of `slots` may run into.

    Not one that holds both ways between two slots, where these are exchanged.
    """
    return tuple(
        (ban.first, ban.second, ban.width, ban.codes)
        for ban in template.bans
        if (ban.first in slots or ban.second in slots)
        and not ({ban.first, ban.second} == set(slots) and _holds_both_ways(ban))
    )


def _holds_both_ways(ban: Ban) -> bool:
    return all(code % ban.width * ban.width + code // ban.width in ban.codes for code in ban.codes)


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
        yield (
            *_alike(template, first, second),
            tuple(_tied(template, first, second)) if is_noun else None,
            tuple(_sided(template, first, second)) if is_noun else (),
            _bans(template, first, second),
        )


def _alike(template: Template, first: int, second: int) -> _Alike:
    one, other = template.slots[first].choices, template.slots[second].choices
    return first, second, len(other.values), same_or_overlapping(one, other)


def _tied(template: Template, first: int, second: int) -> Iterator[_Alike]:
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
            yield _alike(template, index, other[vocabulary])


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
    return names, (index, others, _bans(template, index))


def _steps(template: Template, index: int) -> Iterator[tuple[str, _Spot]]:
    numbers = template.slots[index].choices.numbers
    for change, by in (("count_plus_one", 1), ("count_minus_one", -1)):
        others = tuple(
            (numbers.index(number + by),) if number + by in numbers else () for number in numbers
        )
        yield change, (index, others, _bans(template, index))


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
