"""The nearest form of a faulty definition that parses, for the error message."""

from __future__ import annotations

from collections.abc import Callable, Iterator

_REPAIRS = ("]", ")", "}", ">", "|", ",", ":", "=", "[", "(", "{", "<")


def nearest_form(text: str, at: int, *, parses: Callable[[str], bool]) -> str | None:
    """The form of `text` with the fewest changes near the fault that parses, or None.

    Args:
        text: the faulty definition.
        at: the position of the fault.
        parses: whether a text is a valid definition.
    """
    for repaired in _repairs(text, min(at, len(text))):
        if parses(repaired):
            return " ".join(repaired.split())
    return None


def _repairs(text: str, at: int) -> Iterator[str]:
    """Texts with one mark inserted, removed or replaced, starting near the fault."""
    near = sorted(range(len(text) + 1), key=lambda position: abs(position - at))
    edits: list[Callable[[int], list[str]]] = [
        lambda i: [text[:i] + mark + text[i:] for mark in _REPAIRS],
        lambda i: [text[:i] + text[i + 1 :]] if text[i : i + 1] and not text[i].isalnum() else [],
        lambda i: (
            [text[:i] + mark + text[i + 1 :] for mark in _REPAIRS]
            if text[i : i + 1] and not text[i].isalnum()
            else []
        ),
    ]
    for position in near:
        for edit in edits:
            yield from edit(position)
    # No single mark helps: keep the text before the fault, or leave out one word.
    yield text[:at].rstrip()
    words = text.split(" ")
    for index in range(len(words)):
        yield " ".join(words[:index] + words[index + 1 :])
