"""Compilation of flat sequences of words and slots into templates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from prompts.english.noun_mentions import Echo
from prompts.grammar.bans import AllowedPairs, bans_of
from prompts.grammar.nodes import Slot, Word
from prompts.grammar.slots import TemplateSlot, choices_of
from prompts.grammar.template import Template
from prompts.vocabulary import Vocabulary


def compile_template(
    type_: str,
    flat: Sequence[Word | Slot],
    vocabularies: Mapping[str, Vocabulary],
    *,
    allowed: AllowedPairs | None = None,
) -> Template:
    """Compile one flat sequence.

    Args:
        type_: the prompt type.
        flat: its words and slots.
        vocabularies: by kind.
        allowed: the pairs of values that may occur together; all if None.
    """
    gaps, found, articles = _gaps(flat)
    counters = {
        slot.entities[0]: index
        for index, slot in enumerate(found)
        if vocabularies[slot.kind].role == "count"
    }
    slots = []
    for slot, article in zip(found, articles, strict=True):
        vocabulary = vocabularies[slot.kind]
        counted = counters.get(slot.entities[0], -1) if vocabulary.role == "noun" else -1
        choices = choices_of(vocabulary, article)
        slots.append(TemplateSlot(slot.name, choices, slot.entities, counted))
    pattern = "".join(
        gap + ("a " if article else "") + f"{{{slot.name}}}"
        for gap, slot, article in zip(gaps, found, articles, strict=False)
    )
    return make_template(type_, pattern + gaps[-1], gaps, tuple(slots), allowed=allowed)


def make_template(
    type_: str,
    pattern: str,
    gaps: tuple[str, ...],
    slots: tuple[TemplateSlot, ...],
    *,
    allowed: AllowedPairs | None = None,
    echoes: tuple[Echo, ...] = (),
) -> Template:
    """A template of the given slots, with the bans that they need."""
    bans = tuple(bans_of(slots, allowed or {}))
    return Template(type_, pattern, gaps, slots, bans, tuple({} for _ in slots), echoes)


def _gaps(flat: Sequence[Word | Slot]) -> tuple[tuple[str, ...], list[Slot], list[bool]]:
    gaps, slots, articles = [""], [], []
    items = list(flat)
    for index, item in enumerate(items):
        before = items[index - 1] if index else None
        follows = items[index + 1] if index + 1 < len(items) else None
        space = "" if before is None or item == Word(",") else " "
        if isinstance(item, Slot):
            # An article belongs to the slot's pieces, so the gap already has the space before it.
            has_article = isinstance(before, Word) and before.text in ("a", "an")
            gaps[-1] += "" if has_article else space
            slots.append(item)
            articles.append(has_article)
            gaps.append("")
        elif item.text in ("a", "an") and isinstance(follows, Slot):
            gaps[-1] += space
        else:
            gaps[-1] += space + item.text
    return tuple(gaps), slots, articles
