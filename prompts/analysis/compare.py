"""The difference between two suites."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from prompts.structure import Prompt


@dataclass(frozen=True)
class Difference:
    """Texts in only one of two suites, and texts whose structure differs."""

    only_first: tuple[str, ...]
    only_second: tuple[str, ...]
    changed: tuple[tuple[str, tuple[str, ...]], ...]
    """(text, fields that differ) of prompts in both."""
    same: int
    """Number of prompts that are equal except perhaps for their ids."""

    @property
    def is_empty(self) -> bool:
        """Whether nothing differs."""
        return not (self.only_first or self.only_second or self.changed)


def compare(first: Sequence[Prompt], second: Sequence[Prompt]) -> Difference:
    """Compare two suites by the texts of their prompts; order and ids are ignored."""
    own = {prompt.text: prompt for prompt in first}
    other = {prompt.text: prompt for prompt in second}
    both = [text for text in own if text in other]
    changed = tuple((text, fields) for text in both if (fields := _fields(own[text], other[text])))
    return Difference(
        only_first=tuple(text for text in own if text not in other),
        only_second=tuple(text for text in other if text not in own),
        changed=changed,
        same=len(both) - len(changed),
    )


def _fields(first: Prompt, second: Prompt) -> tuple[str, ...]:
    if replace(first, id="") == replace(second, id=""):
        return ()
    names = ("type", "template", "constituents", "foils", "split", "metadata")
    return tuple(name for name in names if getattr(first, name) != getattr(second, name))
