"""Recovery of a prompt's structure from its text, with the grammar that writes it."""

from __future__ import annotations

import re
from functools import lru_cache

from prompts.generate import prompt_of
from prompts.grammar.load import Grammar
from prompts.grammar.slots import Digits
from prompts.grammar.template import Template
from prompts.structure import Prompt


def read_prompt(grammar: Grammar, text: str, *, draw: int = 0) -> Prompt | None:
    """The prompt whose text is `text`, or None if the grammar cannot write it.

    A grammar is unambiguous (see `prompts.grammar.ambiguity`), so there is at most one such prompt;
    only its foils depend on `draw`.
    """
    for templates in grammar.types.values():
        for template in templates:
            match = _pattern(template).fullmatch(text)
            digits = _digits(template, match) if match else None
            if digits is not None and template.allows(digits):
                prompt = prompt_of(template, digits, draw=draw)
                # The pattern does not check articles and plurals.
                if prompt.text == text:
                    return prompt
    return None


def _digits(template: Template, match: re.Match[str]) -> Digits | None:
    digits = []
    for index, slot in enumerate(template.slots):
        words = match[f"slot_{index}"]
        choices = slot.choices
        found = choices.words.index(words) if words in choices.words else -1
        if found < 0:
            plurals = [text for text, _ in choices.plural]
            found = plurals.index(words)
        digits.append(found)
    return tuple(digits)


@lru_cache(maxsize=4096)
def _pattern(template: Template) -> re.Pattern[str]:
    pattern = [re.escape(template.gaps[0])]
    for index, (slot, gap) in enumerate(zip(template.slots, template.gaps[1:], strict=True)):
        forms = set(slot.choices.words)
        if slot.counted_by >= 0:
            forms |= {text for text, _ in slot.choices.plural}
        words = "|".join(re.escape(form) for form in sorted(forms, key=len, reverse=True))
        article = "an? " if slot.choices.has_article else ""
        pattern.append(f"{article}(?P<slot_{index}>{words}){re.escape(gap)}")
    return re.compile("".join(pattern))
