"""What of a new prompt lies outside the range of the run's prompts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from t2i_audit.analysis.forecast.known import KnownPrompt

NO_CONSTITUENTS = "no constituents"


@dataclass(frozen=True)
class RunRange:
    """What the run's prompts have."""

    types: frozenset[str]
    slots: frozenset[str]
    values: frozenset[tuple[str, str]]
    """Kind and value."""
    shortest: int
    longest: int

    @classmethod
    def of(cls, run: Sequence[KnownPrompt]) -> RunRange:
        """The range of the prompts of a run; there is at least one."""
        parts = [part for each in run for part in each.prompt.constituents]
        lengths = [each.length for each in run]
        return cls(
            types=frozenset(each.prompt.type for each in run),
            slots=frozenset(part.slot for part in parts),
            values=frozenset((part.kind, part.value) for part in parts),
            shortest=min(lengths),
            longest=max(lengths),
        )

    def outside(self, new: KnownPrompt, *, unit: str) -> tuple[str, ...]:
        """What the run never showed of a prompt, in words.

        Args:
            new: the prompt.
            unit: of lengths, ``tokens`` or ``words``.
        """
        prompt, marks = new.prompt, []
        if prompt.type not in self.types:
            marks.append(f"type {prompt.type}")
        if self.slots and not prompt.constituents:
            marks.append(NO_CONSTITUENTS)
        for part in prompt.constituents:
            if (part.kind, part.value) not in self.values:
                marks.append(f"{part.kind} {part.value}")
            if part.slot not in self.slots:
                marks.append(f"slot {part.slot}")
        if not self.shortest <= new.length <= self.longest:
            marks.append(f"{new.length} {unit}, not {self.shortest} to {self.longest}")
        return tuple(dict.fromkeys(marks))
