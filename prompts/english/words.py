"""The words of a text, and whether a text mentions a value."""

from __future__ import annotations

import re
from collections.abc import Iterable

from prompts.inflection import plural_of
from prompts.vocabulary import Vocabulary

WORD = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*|_|[^\w\s]")  # noqa: RUF001
"""A word with its hyphens and apostrophes, or one punctuation mark."""
POSSESSIVE = re.compile(r"['’]s\Z")  # noqa: RUF001
_ARTICLE = re.compile(r"(?<!\S)an? \Z", re.IGNORECASE)


def article_before(text: str, at: int) -> str:
    """The article just before position `at` with the space after it, or an empty text."""
    match = _ARTICLE.search(text[:at])
    return match.group() if match else ""


def phrases_of(texts: Iterable[str]) -> frozenset[str]:
    """All phrases of up to four words in `texts`, case-folded."""
    phrases = set()
    for text in texts:
        words = [
            POSSESSIVE.sub("", match.group()).casefold()
            for match in WORD.finditer(text)
            if match.group()[0].isalnum()
        ]
        for start in range(len(words)):
            for end in range(start + 1, min(start + 4, len(words)) + 1):
                phrases.add(" ".join(words[start:end]))
    return frozenset(phrases)


def mentions_value(phrases: frozenset[str], vocabulary: Vocabulary, value: str) -> bool:
    """Whether `phrases` contain the value, or another word for it.

    Other words are, for the value and all values that overlap with it, every wording, and for nouns
    also the last word and its plural.
    """
    if not phrases:
        return False
    initials = {phrase[0] for phrase in phrases}
    for each in (value, *vocabulary.overlapping[value]):
        for wording in vocabulary.wordings(each):
            words = wording.casefold()
            head = words.rsplit(" ", 1)[-1]
            if words in phrases or (vocabulary.role == "noun" and head in phrases):
                return True
            if vocabulary.role == "noun" and head[:1] in initials and plural_of(head) in phrases:
                return True
    return False
