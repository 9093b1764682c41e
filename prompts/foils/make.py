"""Minimal foils: texts that change one thing in a prompt and thereby make it false.

The changes are: two slots of a kind exchanged, a value replaced by one that excludes it, a relation
reversed, a count one higher or lower, or a negation added or dropped. A text that may be true of an
image that matches the prompt is no foil (see `prompts.foils.compatibility`): "a dog near a cat" is
no foil of "a cat near a dog", nor "a red cat and a dog" of "a red dog and a cat". Every foil obeys
the bans of the template, so it is as well-formed and as plausible as its prompt. What a prompt
mentions more than once is changed everywhere or not at all (see `prompts.english.mentions`), and
no foil introduces a thing that the prompt names elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from prompts.foils.plan import BanTuple, Compatible, Directed, FoilPlan, Replacement, Swap, plan_of
from prompts.foils.rewrite import Original, rewritten
from prompts.grammar.slots import Digits
from prompts.grammar.template import Template
from prompts.permutation import mix
from prompts.structure import Foil


def foils_of(
    template: Template, digits: Digits, text: str, bounds: Sequence[int], draw: int
) -> tuple[Foil, ...]:
    """The foils of a prompt, at most one for each kind of change.

    Args:
        template: the template of the prompt.
        digits: its choices.
        text: its text.
        bounds: start and end of each slot's piece, as `Template.write` returns them.
        draw: a random number that decides where a change is made if there are several places.
    """
    plan = plan_of(template)
    original = Original(template, plan, digits, text, bounds)
    absent = absent_slots(plan, digits)
    foils = []
    for change, swaps in plan.swaps:
        draw, first = _rotation(draw, len(swaps))
        foil = _swapped(original, swaps[first:] + swaps[:first], absent)
        if foil is not None:
            foils.append(Foil(foil, change))
    for change, replacements in plan.replacements:
        if absent:
            # Replacing an absent dog by another absent animal leaves the image as it is.
            replacements = tuple(each for each in replacements if each[0] not in absent)
        draw, first = _rotation(draw, len(replacements))
        for replacement in replacements[first:] + replacements[:first]:
            draw, foil = _replaced(original, replacement, draw)
            if foil is not None:
                foils.append(Foil(foil, change))
                break
    for names, replacement in plan.reversals:
        _, foil = _replaced(original, replacement, 0)
        if foil is not None:
            foils.append(Foil(foil, names[digits[replacement[0]]]))
            break
    foils += _recounted(original, absent, draw)
    return tuple(foils)


def absent_slots(plan: FoilPlan, digits: Digits) -> tuple[int, ...]:
    """Slots of entities that the prompt says are absent."""
    absent: tuple[int, ...] = ()
    for relation, negative, slots in plan.negations:
        if negative[digits[relation]]:
            absent += slots
    return absent


def _rotation(draw: int, count: int) -> tuple[int, int]:
    """What is left of `draw`, and which of `count` alternatives to try first."""
    return divmod(draw, count) if count > 1 else (draw, 0)


def _swapped(original: Original, swaps: tuple[Swap, ...], absent: tuple[int, ...]) -> str | None:
    """The text after the first exchange that makes the prompt false, or None."""
    digits, text, bounds = original.digits, original.text, original.bounds
    pieces = original.plan.pieces
    changed = list(digits)
    for first, second, width, compatible, attributes, directed, bans in swaps:
        own, other = digits[first], digits[second]
        if own * width + other in compatible or (first in absent and second in absent):
            continue
        # Exchanged nouns mean the same unless an attribute or a relation tells them apart.
        if attributes is not None and not _tells_apart(digits, attributes, directed):
            continue
        # Slots of one vocabulary number their choices alike, with or without an article.
        changed[first], changed[second] = other, own
        foil: str | None = None
        if not bans or _allows(bans, changed):
            if original.plan.is_plain:
                start, end = 2 * first, 2 * second
                foil = (
                    text[: bounds[start]]
                    + pieces[first][other]
                    + text[bounds[start + 1] : bounds[end]]
                    + pieces[second][own]
                    + text[bounds[end + 1] :]
                )
            else:
                foil = rewritten(original, changed, first, second)
        if foil is not None:
            return foil
        changed[first], changed[second] = own, other
    return None


def _tells_apart(digits: Digits, attributes: tuple[Compatible, ...], directed: Directed) -> bool:
    for first, second, width, compatible in attributes:
        if digits[first] * width + digits[second] not in compatible:
            return True
    return any(is_directed[digits[relation]] for relation, is_directed in directed)


def _allows(bans: tuple[BanTuple, ...], changed: list[int]) -> bool:
    for first, second, width, codes in bans:
        if changed[first] * width + changed[second] in codes:
            return False
    return True


def _replaced(original: Original, replacement: Replacement, draw: int) -> tuple[int, str | None]:
    """What is left of `draw`, and the text with another value, or None if no value works."""
    slot, choices, bans = replacement
    others = choices[original.digits[slot]]
    draw, start = _rotation(draw, len(others))
    changed = list(original.digits)
    plan, text, bounds = original.plan, original.text, original.bounds
    for step in range(len(others)):
        choice = changed[slot] = others[start - step]
        if bans and not _allows(bans, changed):
            continue
        if plan.is_plain:
            before, after = text[: bounds[2 * slot]], text[bounds[2 * slot + 1] :]
            return draw, before + plan.pieces[slot][choice] + after
        # The bans of a grammar exclude a value that is already there; imported prompts have none.
        if plan.is_checked and _occurs(original, slot, choice):
            continue
        foil = rewritten(original, changed, slot)
        if foil is not None:
            return draw, foil
    return draw, None


def _occurs(original: Original, index: int, choice: int) -> bool:
    """Whether another slot of the vocabulary already has the value of `choice`."""
    slots = original.template.slots
    own = slots[index]
    value = own.choices.values[choice]
    return own.vocabulary.role != "relation" and any(
        slot.vocabulary is own.vocabulary and slot.choices.values[digit] == value
        for slot, digit in zip(slots, original.digits, strict=True)
    )


def _recounted(original: Original, absent: tuple[int, ...], draw: int) -> Iterator[Foil]:
    """One count, one higher and one lower."""
    counts = [each for each in original.plan.counts if each[0][1][0] not in absent]
    if not counts:
        return
    for change, replacement in counts[draw % len(counts)]:
        _, foil = _replaced(original, replacement, 0)
        if foil is not None:
            yield Foil(foil, change)


def draw_of(index: int, seed: int) -> int:
    """The random number that decides the foils of the prompt with this index."""
    return mix(index ^ mix(seed))
