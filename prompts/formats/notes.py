"""Notes about an import: what was changed or detected, and how often."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field


@dataclass
class Notes:
    """Notes about one file: sentences about the whole file, and counted sentences."""

    sentences: list[str] = field(default_factory=list)
    counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    """How often each event occurred, by its wording for one and for several."""

    def add(self, sentence: str) -> None:
        """Add a note about the whole file, unless it is there already."""
        if sentence not in self.sentences:
            self.sentences.append(sentence)

    def count(self, one: str, several: str) -> None:
        """Count one more event; ``{n}`` in the wordings stands for the number."""
        self.counts[one, several] += 1

    def lines(self) -> list[str]:
        """All notes, without a full stop at the end."""
        counted = [
            (one if number == 1 else several).format(n=f"{number:,}")
            for (one, several), number in self.counts.items()
        ]
        return [*self.sentences, *counted]
