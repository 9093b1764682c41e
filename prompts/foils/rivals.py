"""The captions that a prompt has to beat before a judge of captions calls an image right.

They are made from the prompt's structure, whatever suite it comes from: the suite's own foils, then
every change of one thing that makes the prompt false, and the captions that leave one thing out
(see `prompts.foils.omissions`). The order is that of `CHANGES`, and within a change that of the
slots in the text and of the values in their vocabulary.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import zip_longest

from prompts.foils.compatibility import can_both_be_true
from prompts.foils.from_text import as_template
from prompts.foils.known_words import vocabularies_of
from prompts.foils.make import absent_slots
from prompts.foils.omissions import Omission, omissions_of
from prompts.foils.plan import FoilPlan, plan_of
from prompts.foils.rewrite import Original, facts_of, rewritten
from prompts.grammar.bans import Ban
from prompts.grammar.template import Template
from prompts.structure import Foil, Prompt, folded

# Captions beside the prompt's own and those of other attributes; each costs one encoding of a text
# per prompt.
MOST = 32
RULE = (
    "every other value of each attribute, the suite's own foils, and others made of the prompt's "
    f"structure, {MOST} beside the attributes, evenly over the kinds of change: exchanges, other "
    "nouns, reversed relations, negation, other counts, and one thing left out; drawn by the "
    "SHA-256 of the prompt where there are more"
)
REMEMBERED = 20_000  # prompts

_Change = tuple[tuple[int, int], ...]
"""(slot, new choice) of each slot that changes."""


@dataclass(frozen=True)
class Rivals:
    """The captions that are held against a prompt."""

    foils: tuple[Foil, ...]
    """False of every image of the prompt; the suite's own come first."""
    omissions: tuple[Omission, ...] = ()
    """True of every image of the prompt, and of images that lack one of its things."""
    left_out: int = 0
    """Changes that were possible and were not drawn."""

    @property
    def texts(self) -> tuple[str, ...]:
        """All captions, foils first."""
        foils = (foil.text for foil in self.foils)
        return *foils, *(omission.text for omission in self.omissions)


@lru_cache(maxsize=REMEMBERED)
def rivals_of(prompt: Prompt, *, most: int = MOST) -> Rivals:
    """The rivals of `prompt`: every other value of its attributes, and at most `most` besides,
    unless the suite's own foils are more.

    A wrong attribute that no caption names would go unseen, and attributes have few values.

    >>> from prompts.world import Content, write
    >>> rivals = rivals_of(write(Content((("red", "circle"), ("blue", "star")), "above")))
    >>> len(rivals.foils), [foil.text for foil in rivals.foils if "swapped" in foil.change]
    (23, ['a blue circle above a red star', 'a red star above a blue circle'])
    >>> [omission.text for omission in rivals.omissions]
    ['a blue star', 'a red circle']
    """
    own = prompt.foils
    known = {folded(text) for text in (prompt.text, *(foil.text for foil in own))}
    omissions = tuple(each for each in omissions_of(prompt) if folded(each.text) not in known)
    omissions = omissions[: max(most - len(own), 0)]
    known |= {folded(each.text) for each in omissions}
    if not prompt.constituents:
        return Rivals(own, omissions)
    room = most - len(own) - len(omissions)
    original = original_of(prompt)
    digest = hashlib.sha256(prompt.text.encode()).hexdigest()
    queue = _drawn(_changes(original), random.Random(int(digest, 16)))
    made: list[tuple[int, Foil]] = []
    left_out = 0
    for place, change, changed in queue:
        is_attribute = _is_attribute(original, changed)
        if not is_attribute and room <= 0:
            left_out += 1
            continue
        text = _written(original, changed)
        if text is not None and folded(text) not in known:
            known.add(folded(text))
            made.append((place, Foil(text, change)))
            room -= not is_attribute
    foils = [foil for _, foil in sorted(made, key=lambda each: each[0])]
    return Rivals((*own, *foils), omissions, left_out)


def original_of(prompt: Prompt) -> Original:
    """`prompt` as the template whose other choices are its rivals."""
    vocabularies = vocabularies_of(prompt)
    template, digits, bounds = as_template(
        prompt.text, prompt.type, prompt.constituents, vocabularies
    )
    # Two things may share a colour or a noun in a foil, as they do in many an image that is wrong.
    template = replace(
        template, bans=tuple(each for each in template.bans if _is_own(template, each))
    )
    return Original(template, plan_of(template), digits, prompt.text, bounds)


def _is_attribute(original: Original, change: _Change) -> bool:
    """Whether one attribute has another value."""
    slots = [original.template.slots[slot] for slot, _ in change]
    return len(slots) == 1 and slots[0].vocabulary.role == "attribute"


def _is_own(template: Template, ban: Ban) -> bool:
    return template.slots[ban.first].entities == template.slots[ban.second].entities


def _changes(original: Original) -> list[tuple[str, _Change]]:
    """Every change that may make the prompt false, with its name."""
    plan, digits = original.plan, original.digits
    absent = {*absent_slots(plan, digits)}
    return [
        *_exchanges(plan, digits, absent),
        *_replacements(plan, digits, absent),
        *_reversals(plan, digits),
        *_other_counts(original, absent),
    ]


def _exchanges(
    plan: FoilPlan, digits: Sequence[int], absent: set[int]
) -> Iterator[tuple[str, _Change]]:
    for change, swaps in plan.swaps:
        for first, second, *_ in swaps:
            if digits[first] != digits[second] and not {first, second} <= absent:
                yield change, ((first, digits[second]), (second, digits[first]))


def _replacements(
    plan: FoilPlan, digits: Sequence[int], absent: set[int]
) -> Iterator[tuple[str, _Change]]:
    for change, replacements in plan.replacements:
        for slot, others, _ in replacements:
            if slot not in absent:
                for choice in others[digits[slot]]:
                    yield change, ((slot, choice),)


def _reversals(plan: FoilPlan, digits: Sequence[int]) -> Iterator[tuple[str, _Change]]:
    for names, (slot, others, _) in plan.reversals:
        for choice in others[digits[slot]]:
            yield names[digits[slot]], ((slot, choice),)


def _other_counts(original: Original, absent: set[int]) -> Iterator[tuple[str, _Change]]:
    for index, slot in enumerate(original.template.slots):
        if slot.vocabulary.role != "count" or slot.is_fixed or index in absent:
            continue
        numbers = slot.choices.numbers
        own = numbers[original.digits[index]]
        for choice, number in enumerate(numbers):
            step = {1: "count_plus_one", -1: "count_minus_one"}.get(number - own, "count_replaced")
            if number != own:
                yield step, ((index, choice),)


def _drawn(
    changes: list[tuple[str, _Change]], rng: random.Random
) -> list[tuple[int, str, _Change]]:
    """The changes, each with its place, in turn from every kind of change, drawn within it."""
    kinds: dict[str, list[tuple[int, str, _Change]]] = {}
    for place, (change, changed) in enumerate(changes):
        kinds.setdefault(change, []).append((place, change, changed))
    for group in kinds.values():
        rng.shuffle(group)
    rounds = zip_longest(*kinds.values())
    return [each for turn in rounds for each in turn if each is not None]


def _written(original: Original, change: _Change) -> str | None:
    """The text after a change; None if an image could match it and the prompt, or it is unsound."""
    changed = list(original.digits)
    for slot, choice in change:
        changed[slot] = choice
    if not can_be_written(original, changed):
        return None
    return rewritten(original, changed, *(slot for slot, _ in change))


def can_be_written(original: Original, changed: Sequence[int]) -> bool:
    """Whether a text with the choices `changed` is sound, and false of all images of the prompt."""
    template, digits = original.template, original.digits
    if template.echoes and _repeats_a_value(template, changed):
        return False  # "the cat" would not tell which
    return template.allows(changed) and not can_both_be_true(
        facts_of(template, digits), facts_of(template, changed)
    )


def _repeats_a_value(template: Template, digits: Sequence[int]) -> bool:
    nouns = [
        (slot.kind, slot.choices.values[digit])
        for slot, digit in zip(template.slots, digits, strict=True)
        if slot.vocabulary.role == "noun"
    ]
    return len({*nouns}) < len(nouns)
