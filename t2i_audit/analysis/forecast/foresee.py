"""Forecasts of new prompts from a run's prompts and the verdicts on their images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from prompts.structure import Constituent
from t2i_audit.analysis.forecast.known import Columns, KnownPrompt
from t2i_audit.analysis.forecast.logistic import Risks, fit_risk
from t2i_audit.analysis.forecast.tested import risks_left_out
from t2i_audit.analysis.forecast.trust import Outcomes
from t2i_audit.probes.left_out import compositions_of, leave_compositions_out
from t2i_audit.reporter import SILENT, Reporter
from t2i_audit.results.interval import Interval

FloatArray = NDArray[np.float64]

# More groups leave more prompts to fit to: of prompts with two compositions (1 - 1 / GROUPS)^2
# share no group with a given one, and there are at most (GROUPS + 1) * GROUPS / 2 fits.
GROUPS = 10
# A single deal of compositions to groups may be a lucky one; an odd number has a median.
DEALS = 3

Slots = Sequence[tuple[KnownPrompt, Constituent]]


@dataclass(frozen=True, eq=False)
class JudgedRun:
    """The prompts of a run, and how many of their images are wrong and right."""

    known: tuple[KnownPrompt, ...]
    """The `n` prompts."""
    wrong: FloatArray
    """``(n,)`` images."""
    right: FloatArray
    slot_wrong: Mapping[str, FloatArray]
    """By slot, ``(n,)``; empty for a judge that does not judge slots."""
    slot_right: Mapping[str, FloatArray]

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of constituents of which slots are judged."""
        return tuple(
            sorted(
                {
                    part.kind
                    for each in self.known
                    for part in each.prompt.constituents
                    if part.slot in self.slot_wrong
                }
            )
        )

    def slots_of(self, kind: str) -> tuple[Slots, FloatArray, FloatArray]:
        """The judged slots of `kind` with their wrong and right images, both ``(m,)``."""
        found = [
            (row, each, part)
            for row, each in enumerate(self.known)
            for part in each.prompt.constituents
            if part.kind == kind and part.slot in self.slot_wrong
        ]
        wrong = np.array([self.slot_wrong[part.slot][row] for row, _, part in found])
        right = np.array([self.slot_right[part.slot][row] for row, _, part in found])
        return [(each, part) for _, each, part in found], wrong, right


@dataclass(frozen=True, eq=False)
class Foreseen:
    """Risks of new items, and how the model did on the run's own items that it had not seen."""

    outcomes: Outcomes
    risks: Risks | None
    """Of the new items; None where all of the run's images came out alike."""

    def interval(self, row: int) -> Interval:
        """The risk of one new item; the run's own rate where nothing tells items apart."""
        if self.risks is None:
            return self.outcomes.rate()
        estimate, lower, upper = (
            float(each[row]) for each in (self.risks.estimate, self.risks.lower, self.risks.upper)
        )
        return Interval(estimate, lower, upper, self.outcomes.images)


def foresee_prompts(
    run: JudgedRun,
    new: Sequence[KnownPrompt],
    columns: Columns,
    *,
    seed: int,
    reporter: Reporter = SILENT,
) -> Foreseen:
    """The risk that an image of each of the `new` prompts is wrong."""
    x, new_x = columns.of_prompts(run.known), columns.of_prompts(new)
    return _foresee(
        run.known, x, run.wrong, run.right, new_x, seed=seed, what="prompts", reporter=reporter
    )


def foresee_slots(
    run: JudgedRun,
    kind: str,
    new: Slots,
    columns: Columns,
    *,
    seed: int,
    reporter: Reporter = SILENT,
) -> Foreseen:
    """The risk that each of the `new` slots of `kind` is drawn wrong."""
    slots, wrong, right = run.slots_of(kind)
    owners = [each for each, _ in slots]
    x, new_x = columns.of_slots(slots, kind), columns.of_slots(new, kind)
    return _foresee(owners, x, wrong, right, new_x, seed=seed, what=kind, reporter=reporter)


def _foresee(
    known: Sequence[KnownPrompt],
    x: FloatArray,
    wrong: FloatArray,
    right: FloatArray,
    new: FloatArray,
    *,
    seed: int,
    what: str,
    reporter: Reporter,
) -> Foreseen:
    compositions = [compositions_of(each.prompt) for each in known]
    deals = [
        leave_compositions_out(compositions, groups=GROUPS, seed=(seed, deal))
        for deal in range(DEALS)
    ]
    with reporter.stage(f"fit {what}", sum(map(len, deals))) as advance:
        tested = [risks_left_out(x, wrong, right, folds, on_fold=advance) for folds in deals]
    risk = np.mean([each.risk for each in tested], axis=0)
    types = [each.prompt.type for each in known]
    outcomes = Outcomes.of(risk, wrong, right, compositions, types)
    judged = wrong + right > 0
    if not wrong.any() or not right.any():
        return Foreseen(outcomes, None)
    strength = float(np.median([each.strength for each in tested]))
    model = fit_risk(x[judged], wrong[judged], right[judged], strength=strength)
    return Foreseen(outcomes, model.risks(new))
