"""English number words, plurals and articles, by the library ``inflect`` where needed."""

from __future__ import annotations

import re
from functools import cache

NUMBERS = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")


def number_of(word: str) -> int:
    """The number that a number word denotes."""
    return NUMBERS.index(word) + 1


@cache
def _inflect() -> object:
    # Imported late: it takes seconds, and the shipped vocabularies list their forms.
    import inflect

    return inflect.engine()


@cache
def plural_of(word: str) -> str:
    """The plural of a noun, by the library ``inflect``."""
    return str(_inflect().plural_noun(word))  # type: ignore[attr-defined]


@cache
def article_of(word: str) -> str:
    """``a`` or ``an`` before `word`; ``inflect`` decides in doubtful cases."""
    if re.match(r"[bcdfgjklmnpqrstvwyz][a-z]*[aeiouy]", word):
        return "a"
    return str(_inflect().a(word)).split(" ", 1)[0]  # type: ignore[attr-defined]


@cache
def singular_of(word: str) -> str:
    """The singular of a noun that may be a plural, by the library ``inflect``."""
    singular = _inflect().singular_noun(word)  # type: ignore[attr-defined]
    return str(singular) if singular else word
