"""What was done to a file on its way in that a reader must know, and how often."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field


@dataclass
class Notes:
    """Sentences about one file: some about the whole of it, some that are counted."""

    sentences: list[str] = field(default_factory=list)
    counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    """How often each happened, by its wording for one and for several."""

    def say(self, sentence: str) -> None:
        """Note something about the whole file, once."""
        if sentence not in self.sentences:
            self.sentences.append(sentence)

    def count(self, one: str, several: str) -> None:
        """Note something that happened once more; ``{n}`` in the wordings is the number."""
        self.counts[one, several] += 1

    def lines(self) -> list[str]:
        """All of it, as sentences without a full stop."""
        counted = [
            (one if number == 1 else several).format(n=f"{number:,}")
            for (one, several), number in self.counts.items()
        ]
        return [*self.sentences, *counted]
