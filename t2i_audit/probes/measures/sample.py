"""The prompts that the measures are taken of, in an order that is always the same."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from prompts.structure import Constituent, Prompt
from t2i_audit.probes.features import Target
from t2i_audit.probes.measures.partners import Partners, partner_values

IntArray = NDArray[np.integer]

# A kernel of so many prompts takes 12 MB and a tenth of a second at width 4,096.
MOST_PROMPTS = 1200


@dataclass(frozen=True)
class Role:
    """What a slot is: the colour, say, of the first object."""

    kind: str
    entity: str
    is_noun: bool
    """Whether it is the entity's last word in more prompts than any other slot of the entity."""


@dataclass(frozen=True, eq=False)
class Sample:
    """`n` prompts, what their slots hold, and what that is bound to."""

    prompts: tuple[Prompt, ...]
    """Sorted by id, so that no random choice depends on the order of a suite."""
    rows: IntArray
    """``(n,)`` where they stand among the prompts they were taken of."""
    classes: dict[str, tuple[str, ...]]
    """By slot."""
    labels: dict[str, IntArray]
    """By slot, ``(n,)``; -1 where a prompt lacks it."""
    every_label: dict[str, IntArray]
    """The same of all prompts that they were taken of, in their own order."""
    partners: dict[str, tuple[Partners, ...]]
    """By slot."""
    roles: dict[str, Role]
    """Of the slots that have the same one in all prompts and belong to one entity."""
    seed: int

    @classmethod
    def of(cls, prompts: Sequence[Prompt], targets: Sequence[Target], *, seed: int) -> Sample:
        """Take `prompts`, or `MOST_PROMPTS` of them drawn by `seed`."""
        rows = np.array(sorted(range(len(prompts)), key=lambda row: prompts[row].id), dtype=int)
        if len(rows) > MOST_PROMPTS:
            drawn = np.random.default_rng(seed).permutation(len(rows))[:MOST_PROMPTS]
            rows = rows[np.sort(drawn)]
        taken = tuple(prompts[row] for row in rows.tolist())
        return cls(
            taken,
            rows,
            {target.name: target.classes for target in targets},
            {target.name: target.labels[rows] for target in targets},
            {target.name: target.labels for target in targets},
            {
                target.name: tuple(partner_values(prompt, target.name) for prompt in taken)
                for target in targets
            },
            _roles(taken),
            seed,
        )


def _roles(prompts: Sequence[Prompt]) -> dict[str, Role]:
    found: dict[str, set[tuple[str, tuple[str, ...]]]] = {}
    last: dict[str, Counter[str]] = {}
    for prompt in prompts:
        ends = {part.entities: part.slot for part in sorted(prompt.constituents, key=_end)}
        for part in prompt.constituents:
            found.setdefault(part.slot, set()).add((part.kind, part.entities))
            if len(part.entities) == 1:
                last.setdefault(part.entities[0], Counter())[ends[part.entities]] += 1
    only = {slot: next(iter(each)) for slot, each in found.items() if len(each) == 1}
    return {
        slot: Role(kind, entities[0], last[entities[0]].most_common(1)[0][0] == slot)
        for slot, (kind, entities) in only.items()
        if len(entities) == 1
    }


def _end(part: Constituent) -> int:
    return part.end
