"""Which slot of a prompt a phrase or a question of another data set is about."""

from __future__ import annotations

import re

from prompts.structure import Constituent, Prompt, folded


def slot_about(text: str, prompt: Prompt) -> str | None:
    """The slot that `text` is about; None where that cannot be told for certain.

    A phrase that is a constituent's own words or value is about that constituent. Any other is
    about the constituents whose words it holds: about their relation if it holds one, else about
    an attribute, else about an object, and only if there is a single one of these.

    >>> from prompts.world import Content, write
    >>> prompt = write(Content((("red", "star"), ("blue", "cross")), "above"))
    >>> slot_about("red", prompt), slot_about("Is the star red?", prompt)
    ('object_1.colour', 'object_1.colour')
    >>> slot_about("Is the star above the cross?", prompt), slot_about("Is it pretty?", prompt)
    ('relation', None)
    """
    parts = prompt.constituents
    same = [part for part in parts if folded(text) in _wordings(part, prompt)]
    if len(same) == 1:
        return same[0].slot
    held = [part for part in parts if any(_holds(text, each) for each in _words(part, prompt))]
    rank = max((_rank(part, prompt) for part in held), default=0)
    first = [part for part in held if _rank(part, prompt) == rank]
    return first[0].slot if len(first) == 1 else None


def slots_with(word: str, prompt: Prompt) -> list[str]:
    """The slots in whose words `word` occurs."""
    return [
        part.slot
        for part in prompt.constituents
        if _holds(prompt.text[part.start : part.end], word)
    ]


def _words(part: Constituent, prompt: Prompt) -> tuple[str, str]:
    return prompt.text[part.start : part.end], part.value


def _wordings(part: Constituent, prompt: Prompt) -> set[str]:
    return {folded(each) for each in _words(part, prompt)}


def _holds(text: str, phrase: str) -> bool:
    """Whether `phrase` occurs in `text` as whole words."""
    words = [re.escape(word) for word in re.findall(r"\w+", phrase.casefold())]
    pattern = r"\W+".join(words)
    return bool(words) and re.search(rf"(?<!\w){pattern}(?!\w)", text.casefold()) is not None


def _rank(part: Constituent, prompt: Prompt) -> int:
    """3 for a relation, 2 for an attribute, 1 for an object: the last words of its entity."""
    if len(part.entities) > 1:
        return 3
    own = [each for each in prompt.constituents if each.entities == part.entities]
    return 1 if part.end == max(each.end for each in own) else 2
