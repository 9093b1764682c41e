"""What a library's error says, short enough for a sentence."""

from __future__ import annotations

LONGEST = 300  # characters that are shown


def reason_of(error: Exception) -> str:
    """The first sentence of an error's message, without its full stop.

    >>> reason_of(ValueError("no such file. Did you mean another?"))
    'no such file'
    >>> reason_of(KeyError("width"))
    "'width' is missing"
    """
    text = " ".join(str(error).split()) or type(error).__name__
    # The message of a KeyError is only the key.
    text = f"{text} is missing" if isinstance(error, KeyError) else text.partition(". ")[0]
    return text.rstrip(".:") if len(text) <= LONGEST else f"{text[:LONGEST]}..."
