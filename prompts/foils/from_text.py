"""A prompt that is known only by its text and its constituents, as a template of its own."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from prompts.english.mentions import mentions_of
from prompts.english.words import article_before
from prompts.grammar.compile import make_template
from prompts.grammar.slots import Choices, TemplateSlot, choices_of
from prompts.grammar.template import Template
from prompts.structure import Constituent
from prompts.vocabulary import Vocabulary


def as_template(
    text: str,
    type_: str,
    constituents: Sequence[Constituent],
    vocabularies: Mapping[str, Vocabulary],
    *,
    fixed: Collection[str] = (),
) -> tuple[Template, tuple[int, ...], list[int]]:
    """A prompt as a template, with its choices and the bounds of its pieces.

    Args:
        text: the prompt.
        type_: its type.
        constituents: with spans in `text`.
        vocabularies: by kind, for every kind of `constituents`.
        fixed: slots that foils must not change.
    """
    parts: Sequence[Constituent] = sorted(constituents, key=lambda part: part.start)
    counters = {
        part.entities[0]: index
        for index, part in enumerate(parts)
        if vocabularies[part.kind].role == "count"
    }
    mentions = mentions_of(text, parts, vocabularies)
    unchanged = {*fixed, *mentions.uncertain}
    gaps, slots, bounds, digits = [], [], [], []
    at = 0
    for part in parts:
        gap = text[at : part.start]
        article = article_before(text, part.start)
        if article:
            gap = gap[: -len(article)]
        vocabulary = vocabularies[part.kind]
        counted = counters.get(part.entities[0], -1) if vocabulary.role == "noun" else -1
        choices = choices_of(vocabulary, bool(article))
        slots.append(
            TemplateSlot(part.slot, choices, part.entities, counted, part.slot in unchanged)
        )
        digits.append(_digit(choices, part, text[part.start : part.end]))
        gaps.append(gap)
        bounds += [part.start - len(article), part.end]
        at = part.end
    gaps.append(text[at:])
    template = make_template(type_, type_, tuple(gaps), tuple(slots), echoes=mentions.echoes)
    return template, tuple(digits), bounds


def _digit(choices: Choices, part: Constituent, written: str) -> int:
    """The choice of `part` in the wording that is `written`, or else in its usual one."""
    for index, (value, words) in enumerate(zip(choices.values, choices.words, strict=True)):
        if value == part.value and words == written.casefold():
            return index
    return choices.usual[part.value]
