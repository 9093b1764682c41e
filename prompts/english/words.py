"""The words of a text, and whether a value is among them."""

from __future__ import annotations

import re
from collections.abc import Iterable

from prompts.inflection import plural_of
from prompts.vocabulary import Vocabulary

WORD = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*|_|[^\w\s]")  # noqa: RUF001
"""A word with its hyphens and apostrophes, or one mark."""
POSSESSIVE = re.compile(r"['’]s\Z")  # noqa: RUF001
_ARTICLE = re.compile(r"(?<!\S)an? \Z", re.IGNORECASE)


def article_before(text: str, at: int) -> str:
    """``a`` or ``an`` with its blank, as it stands in `text` just before `at`, or nothing."""
    match = _ARTICLE.search(text[:at])
    return match.group() if match else ""


def words_said(texts: Iterable[str]) -> frozenset[str]:
    """All phrases of up to four words in `texts`, case folded."""
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


def is_said(vocabulary: Vocabulary, value: str, said: frozenset[str]) -> bool:
    """Whether `said` has the value, its plural, its last word, or a value that overlaps with it."""
    if not said:
        return False
    initials = {phrase[0] for phrase in said}
    for each in (value, *vocabulary.overlapping[value]):
        for wording in vocabulary.wordings(each):
            words = wording.casefold()
            head = words.rsplit(" ", 1)[-1]
            if words in said or (vocabulary.role == "noun" and head in said):
                return True
            if vocabulary.role == "noun" and head[:1] in initials and plural_of(head) in said:
                return True
    return False
