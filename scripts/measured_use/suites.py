"""The culprits of suites that are drawn from the prompts of one run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

import t2i_audit as t2i
from prompts.structure import Prompt
from t2i_audit.analysis.use import use_of
from t2i_audit.results.interval import Interval
from t2i_audit.results.run_prompts import prompts_of
from t2i_audit.results.use import UseCulprit
from t2i_audit.results.verdict_rows import primary_rows
from t2i_audit.run.tables import read_rows, table_path
from t2i_audit.stats.proportions import share_interval

COLOURS = ("object_1.colour", "object_2.colour")
# Who is to be named for each slot; of every other slot nobody.
EXPECTED: dict[str, dict[str, UseCulprit]] = {
    "misbinding": {
        "relation": "denoiser ignores it",
        **dict.fromkeys(COLOURS, "denoiser fails to draw it"),
    },
    "bag-of-words": dict.fromkeys(("relation", *COLOURS), "encoder"),
    "patchy": dict.fromkeys(("relation", *COLOURS), "encoder"),
    "fading": dict.fromkeys(COLOURS, "denoiser fails to draw it"),
    "miscounting": {"object_1.count": "encoder"},
    "sound": {},
}
NOBODY: tuple[UseCulprit, ...] = ("none", "unclear")

Rows = Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Named:
    """Who was named in the suites of one checkpoint."""

    model: str
    suites: int
    prompts: int
    """Of each suite."""
    pool: int
    """Prompts that they were drawn from."""
    right: int
    """Suites in which a slot at fault has its culprit, the others have theirs or are unclear, and
    for no other slot anybody is named."""
    every: int
    """Those of them in which every slot at fault has its culprit."""
    wrong: int
    """Suites in which somebody else is named for some slot."""
    unclear: dict[str, int]
    """By slot at fault, the suites in which its culprit is unclear."""

    @property
    def share(self) -> Interval:
        """The suites named rightly, with the exact binomial interval of as many independent
        suites."""
        share = self.right / self.suites
        variance = share * (1 - share) / self.suites
        return share_interval(share, variance, n=self.suites, clusters=self.suites)


def named_in_suites(run: t2i.Run, model: str, *, suites: int, size: int, seed: int) -> Named:
    """Draw suites from the prompts of `run` that were drawn anew, and name their culprits.

    The pool is put in a random order and cut into suites that have no prompt in common, as many as
    it holds; then again, until there are enough. A suite's readings at the text encoder are those
    of the run's probes, out of fold.

    Args:
        run: whose use was measured.
        model: a key of `EXPECTED`.
        suites: how many.
        size: prompts of each.
        seed: of the draws.
    """
    tables = _Tables.of(run)
    expected = EXPECTED[model]
    right, every, wrong = 0, 0, 0
    unclear = dict.fromkeys(expected, 0)
    for own in drawn_suites(len(tables.pool), suites, size, np.random.default_rng(seed)):
        named = tables.culprits({tables.pool[place] for place in own}, run)
        for slot in unclear:
            unclear[slot] += named.get(slot) == "unclear"
        slips = [slot for slot, who in named.items() if who not in (expected.get(slot), *NOBODY)]
        wrong += bool(slips)
        found = [named.get(slot) == who for slot, who in expected.items()]
        right += not slips and (any(found) or not found)
        every += not slips and all(found)
    return Named(model, suites, size, len(tables.pool), right, every, wrong, unclear)


def drawn_suites(
    pool: int, suites: int, size: int, rng: np.random.Generator
) -> Iterator[list[int]]:
    """The places in the pool of each suite's prompts, as disjoint as the pool allows.

    Raises:
        AuditError: a suite would be larger than the pool.
    """
    if size > pool:
        raise t2i.AuditError(
            f"suites of {size} prompts cannot be drawn from {pool}; give a smaller --suite-size"
        )
    count = 0
    while count < suites:
        order = rng.permutation(pool)
        for start in range(0, pool - size + 1, size):
            if count == suites:
                return
            yield order[start : start + size].tolist()
            count += 1


@dataclass(frozen=True, eq=False)
class _Tables:
    """The tables of a run, read once."""

    prompts: tuple[Prompt, ...]
    judged: Rows
    drawn: Rows
    decodability: Rows
    pool: list[str]
    """Ids of the prompts that were drawn anew."""

    @classmethod
    def of(cls, run: t2i.Run) -> _Tables:
        drawn = read_rows(table_path(run.path, "use"), "use")
        decodability = read_rows(table_path(run.path, "decodability"), "decodability")
        pool = sorted({str(row["prompt_id"]) for row in drawn})
        return cls(prompts_of(run.path), primary_rows(run), drawn, decodability, pool)

    def culprits(self, ids: set[str], run: t2i.Run) -> dict[str, UseCulprit]:
        def own(rows: Rows) -> Rows:
            return [row for row in rows if row["prompt_id"] in ids]

        found = use_of(
            [prompt for prompt in self.prompts if prompt.id in ids],
            own(self.judged),
            own(self.drawn),
            summary=replace(run.summary, n_prompts=len(ids)),
            decodability=own(self.decodability),
        )
        return {each.slot: each.culprit for each in found.culprits}
