"""Making text from outside safe to print, by escaping control characters.

Names, prompts, paths and messages of libraries may contain escape sequences that set a terminal's
title, move its cursor or reverse its text.
"""

from __future__ import annotations

import logging
import re
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TextIO

from t2i_audit.addresses import as_given

# Control characters (C0, DEL and C1), line and paragraph separators, the marks that change the
# direction of text, the byte order mark, lone surrogates (bytes of a path that are not UTF-8) and
# the invisible copies of ASCII known as tags.
UNPRINTABLE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff"
    "\ud800-\udfff\U000e0000-\U000e007f]"
)
# JSON's own escapes cover what lies below the space.
UNPRINTABLE_IN_JSON = re.compile(UNPRINTABLE.pattern.replace("\x00-\x1f", ""))


def printable(text: str) -> str:
    r"""`text` on one line, with control characters escaped, e.g. ``\x1b``.

    A file of a store is called by its URL.
    """
    text = as_given(text)
    return UNPRINTABLE.sub(lambda match: match[0].encode("unicode_escape").decode(), text)


def counted(number: int, unit: str) -> str:
    """E.g. ``1 prompt`` and ``1,200 prompts``."""
    return f"{number:,} {unit}" + ("" if number == 1 else "s")


def listed(names: Sequence[str], last: str = "and") -> str:
    """E.g. ``a``, ``a and b``, and ``a, b and c``."""
    return f"{', '.join(names[:-1])} {last} {names[-1]}" if len(names) > 1 else names[0]


def printable_json(text: str) -> str:
    """Equivalent JSON `text` without control characters other than line breaks and tabs."""

    def escaped(match: re.Match[str]) -> str:
        units = match[0].encode("utf-16-be", "surrogatepass").hex()
        return "".join(f"\\u{units[start : start + 4]}" for start in range(0, len(units), 4))

    return UNPRINTABLE_IN_JSON.sub(escaped, text)


def print_line(text: str = "", *, to: TextIO | None = None) -> None:
    """Print `text` on one line of `to` (stdout if None), with control characters escaped."""
    print(printable(text), file=sys.stdout if to is None else to, flush=True)


@contextmanager
def printable_messages() -> Iterator[None]:
    """Escape control characters in warnings and log messages of libraries while the block runs."""
    format_warning, make_record = warnings.formatwarning, logging.getLogRecordFactory()

    def formatted(*args: object, **kwargs: object) -> str:
        return _printable_lines(format_warning(*args, **kwargs))  # type: ignore[arg-type]

    warnings.formatwarning = formatted
    logging.setLogRecordFactory(_PrintableRecord)
    try:
        yield
    finally:
        warnings.formatwarning = format_warning
        logging.setLogRecordFactory(make_record)


class _PrintableRecord(logging.LogRecord):
    def getMessage(self) -> str:
        return _printable_lines(super().getMessage())


def _printable_lines(text: str) -> str:
    return "\n".join(map(printable, text.split("\n")))
