"""The lines and tokens of a grammar file."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from prompts.grammar.nodes import SourceLocation

_TOKEN = re.compile(
    r"\s*(?:(?P<name>[\w.'’/-]+)|(?P<mark>:=|[][(){}<>|:,=]))",  # noqa: RUF001
)


class SyntaxFault(Exception):
    """A definition does not parse; `parse` adds the file and the line."""

    def __init__(self, at: int, sentence: str, *, near: str = "") -> None:
        self.at = at
        self.sentence = sentence
        self.near = near
        """A corrected form, if the parser knows what was meant."""


@dataclass(frozen=True)
class LogicalLine:
    """A definition with its continuation lines, joined by line breaks."""

    text: str
    first: int
    """Number of its first line in the file."""

    def location(self, at: int) -> SourceLocation:
        """The position in the file of the character `at`."""
        at = min(at, len(self.text))
        before = self.text[:at]
        number = before.count("\n")
        start = before.rfind("\n") + 1
        return SourceLocation(self.first + number, at - start, self.text.split("\n")[number])


def logical_lines(text: str) -> Iterator[LogicalLine]:
    """The definitions of a grammar's text, without comments and blank lines."""
    lines: list[str] = []
    first = 0
    for number, raw in enumerate(text.split("\n"), start=1):
        line = raw.split("#", 1)[0].rstrip()
        if line[:1].isspace() and lines:
            lines.append(line)
            continue
        if lines:
            yield LogicalLine("\n".join(lines), first)
        lines, first = ([line], number) if line else ([], number)
    if lines:
        yield LogicalLine("\n".join(lines), first)


@dataclass(frozen=True)
class GrammarToken:
    """A word or a mark; an empty text stands for the end of the line."""

    text: str
    at: int
    is_mark: bool


def tokens_of(text: str) -> Iterator[GrammarToken]:
    """The words and marks of a definition; raises `SyntaxFault` at any other character."""
    at = 0
    while text[at:].strip():
        match = _TOKEN.match(text, at)
        if match is None:
            bad = at + len(text[at:]) - len(text[at:].lstrip())
            raise SyntaxFault(
                bad, f"{text[bad]!r} is not part of the language; use words and brackets only"
            )
        group = "name" if match["name"] else "mark"
        yield GrammarToken(match[group], match.start(group), group == "mark")
        at = match.end()
