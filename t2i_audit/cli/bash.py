"""Completion in bash, for which a colon or an equals sign ends a word.

bash hands over ``builtin:pa`` as the three words ``builtin``, ``:`` and ``pa``, and puts what it is
offered in the place of the last one. So the words are joined before typer sees them, and what
precedes the last one is cut from what typer offers.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import redirect_stdout

ASKED = "_T2I_AUDIT_COMPLETE", "complete_bash"
WORDS, CURRENT = "COMP_WORDS", "COMP_CWORD"
ENDS = frozenset(":=")  # those of bash's COMP_WORDBREAKS that stand in words of this program


def is_asked() -> bool:
    """Whether bash asks this process what to offer."""
    name, value = ASKED
    return os.environ.get(name) == value and WORDS in os.environ and CURRENT in os.environ


def complete(offer: Callable[[], object]) -> object:
    """Print what bash should be offered.

    Args:
        offer: prints what typer offers for the words in the environment, and exits.
    """
    words, typed = joined(os.environ[WORDS].split("\n"), int(os.environ[CURRENT]))
    os.environ[WORDS], os.environ[CURRENT] = "\n".join(words), str(len(words) - 1)
    offered = io.StringIO()
    try:
        with redirect_stdout(offered):
            return offer()
    finally:
        for line in offered.getvalue().splitlines():
            sys.stdout.write(f"{line.removeprefix(typed)}\n")


def joined(words: Sequence[str], current: int) -> tuple[list[str], str]:
    """The words up to the one that is typed, and what bash keeps of that one.

    >>> joined(["t2i-audit", "audit", "builtin", ":", "pa"], 4)
    (['t2i-audit', 'audit', 'builtin:pa'], 'builtin:')
    >>> joined(["t2i-audit", "audit", "--suite", "=", "wo"], 4)
    (['t2i-audit', 'audit', '--suite=wo'], '')
    """
    whole: list[str] = []
    kept, goes_on = "", False
    for word in words[: current + 1]:
        ends = bool(word) and set(word) <= ENDS
        if whole and (ends or goes_on):
            kept = whole[-1] + (word if ends else "")
            whole[-1] += word
        else:
            kept = ""
            whole.append(word)
        goes_on = ends
    if kept.startswith("-"):
        kept = kept.partition("=")[2]
    return whole, kept
