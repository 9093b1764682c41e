"""Parts of the manual's pages that scripts write, between two comments of a page::

<!-- begin NAME -->
<!-- end NAME -->
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path


def markdown_table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """The lines of a table."""
    yield f"| {' | '.join(headings)} |"
    yield "|" + "---|" * len(headings)
    for row in rows:
        yield f"| {' | '.join(row)} |"


def has_part(page: Path, name: str) -> bool:
    """Whether `page` is there, with a place for the part `name`."""
    return page.is_file() and _part(name).search(page.read_text(encoding="utf-8")) is not None


def part_of(page: Path, name: str) -> str:
    """What `page` has in the place of the part `name`; nothing where it has no such place."""
    found = _part(name).search(page.read_text(encoding="utf-8"))
    return found[2] if found else ""


def with_parts(page: Path, parts: Iterable[tuple[str, str]], *, what: str = "the table") -> str:
    """The text of `page` with each of `parts`, a name and a text, in its place.

    Args:
        page: a file in Markdown.
        parts: what is put in.
        what: what they are called where there is no place for them.

    Raises:
        ValueError: the page has no place for one of them.
    """
    text = page.read_text(encoding="utf-8")
    for name, body in parts:
        if not _part(name).search(text):
            raise ValueError(no_place(page, name, what=what))
        text = _part(name).sub(lambda part, body=body: f"{part[1]}{body}\n{part[3]}", text)  # type: ignore[misc]
    return text


def no_place(page: Path, name: str, *, what: str = "the table") -> str:
    """The sentence that `page` has no place for the part `name`."""
    return f"{page} has no place for {what}: <!-- begin {name} -->"


def _part(name: str) -> re.Pattern[str]:
    own = re.escape(name)
    return re.compile(rf"(<!-- begin {own} -->\n)(.*?)(<!-- end {own} -->)", re.DOTALL)
