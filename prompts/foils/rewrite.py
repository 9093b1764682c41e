"""The text of a foil: a prompt with the words of some slots exchanged."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from prompts.english.noun_mentions import Echo
from prompts.english.words import article_before
from prompts.foils.compatibility import Fact, can_both_be_true
from prompts.foils.plan import FoilPlan
from prompts.grammar.slots import Digits
from prompts.grammar.template import Template


@dataclass(frozen=True, slots=True)
class Original:
    """A prompt whose foils are made."""

    template: Template
    plan: FoilPlan
    digits: Digits
    """The choices of the prompt."""
    text: str
    bounds: Sequence[int]
    """Start and end of each slot's piece, as `Template.write` returns them."""


Edits = list[tuple[int, int, str]]
"""Start and end of each piece of a text that is replaced, and what replaces it, in order."""


def rewritten(original: Original, changed: Sequence[int], *slots: int) -> str | None:
    """The text with the choices `changed`, which differ from the prompt's in `slots`.

    None if the change does not work out: an image could match both texts, or words elsewhere in
    the text depend on the number of a noun that changes.
    """
    edits = edits_of(original, changed, *slots)
    return None if edits is None else edited(original.text, edits)


def edited(text: str, edits: Edits) -> str:
    """`text` after `edits`."""
    result, at = "", 0
    for start, end, new in edits:
        result += text[at:start] + new
        at = end
    return result + text[at:]


def edits_of(original: Original, changed: Sequence[int], *slots: int) -> Edits | None:
    """What `rewritten` replaces; None where it returns None."""
    template, digits, text = original.template, original.digits, original.text
    if original.plan.is_checked and can_both_be_true(
        facts_of(template, digits), facts_of(template, changed)
    ):
        return None
    renumbered = set(_renumbered(template, digits, changed, slots))
    if any(template.slots[noun].is_fixed or _echoes(template, noun) for noun in renumbered):
        # Other words about it ("the cats are ...") would keep its old number.
        return None
    edits = []
    for slot in {*slots, *renumbered}:
        start, end = original.bounds[2 * slot], original.bounds[2 * slot + 1]
        new = template.piece(slot, changed)[0]
        if text[start:end] != template.piece(slot, digits)[0]:
            new = _with_case_of(text, start, new)
        edits.append((start, end, new))
        edits += [_echoed(template, changed, text, slot, echo) for echo in _echoes(template, slot)]
    return sorted(edits)


def _echoes(template: Template, slot: int) -> tuple[Echo, ...]:
    return tuple(echo for echo in template.echoes if echo.slot == template.slots[slot].name)


def _echoed(
    template: Template, changed: Sequence[int], text: str, slot: int, echo: Echo
) -> tuple[int, int, str]:
    """Start, end and new text of a further mention of `slot`, including its article."""
    choices = template.slots[slot].choices
    vocabulary, words = choices.vocabulary, choices.words[changed[slot]]
    article = article_before(text, echo.start)
    new = vocabulary.plural(words) if echo.is_plural else words
    if article:
        new = f"{vocabulary.article(new)} {new}"
    start = echo.start - len(article)
    return start, echo.end, _with_case_of(text, start, new)


def _with_case_of(text: str, start: int, new: str) -> str:
    """`new` in capitals if all of `text` is, and capitalised at the beginning of a sentence."""
    if text.isupper():
        return new.upper()
    before = text[:start].rstrip()
    if text[start].isupper() and (not before or before[-1] in ".!?"):
        return new[0].upper() + new[1:]
    return new


def _renumbered(
    template: Template, digits: Digits, changed: Sequence[int], slots: tuple[int, ...]
) -> Iterator[int]:
    """Nouns that change between singular and plural.

    All others stay as they were written, because a source may form plurals in its own way.
    """
    for slot in slots:
        for noun in template.dependents[slot]:
            if template.is_plural(noun, digits) != template.is_plural(noun, changed):
                yield noun


def facts_of(template: Template, digits: Sequence[int]) -> tuple[Fact, ...]:
    return tuple(
        (slot.vocabulary, slot.choices.values[digit], slot.entities)
        for slot, digit in zip(template.slots, digits, strict=True)
    )
