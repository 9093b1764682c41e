"""Goals that are missed, and why; the page of the manual says so too."""

from __future__ import annotations

import re

# Pattern of a figure's key -> why it misses its goal, and what follows for a reader.
REASONS: dict[str, str] = {
    r"1a (15|60) compositions, rate .*: (overall|held out|rare type|slot few prompts have)": (
        "Of few compositions, or where few of them fail, the interval is too wide: what so few "
        "cannot show is taken as possible."
    ),
}


def reason_of(key: str) -> str | None:
    """Why the figure of this key misses its goal, or None where that is not known."""
    return next((why for pattern, why in REASONS.items() if matches(pattern, key)), None)


def matches(pattern: str, key: str) -> bool:
    """Whether a pattern of `REASONS` is about the figure of this key."""
    return re.fullmatch(pattern, key) is not None
