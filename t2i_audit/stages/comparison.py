"""The judges of a run side by side, for its summary."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import combinations
from typing import Any

import numpy as np

from prompts.structure import Prompt
from t2i_audit.analysis.success import image_rate
from t2i_audit.analysis.two_judges import agreement
from t2i_audit.judges.panel import Member, Panel
from t2i_audit.results.judges import JudgeAgreement, JudgeSummary
from t2i_audit.results.summary import RunSummary
from t2i_audit.stages.results import JudgedImages

Rows = Sequence[Mapping[str, Any]]


def compare_judges(
    summary: RunSummary, panel: Panel, prompts: Sequence[Prompt], judged: Rows
) -> RunSummary:
    """`summary` with a part for each judge, and how far each two of them agree.

    Args:
        summary: of the run, by the primary judge.
        panel: the judges, the primary one first.
        prompts: the suite's.
        judged: rows of the table ``judgements``, of all judges.
    """
    rows = {member.name: [row for row in judged if row["judge"] == member.name] for member in panel}
    images = {name: JudgedImages.of(prompts, own, summary.n_seeds) for name, own in rows.items()}
    judges = [_summary(each, images[each.name], rows[each.name]) for each in panel]
    pairs = combinations(images, 2)
    agreements = (_agreement(one, other, images) for one, other in pairs)
    return replace(summary, judges=tuple(judges), agreement=tuple(agreements))


def _summary(member: Member, images: JudgedImages, rows: Rows) -> JudgeSummary:
    clusters = np.asarray(images.clusters)
    left = [row for row in rows if row["correct"] is None]
    undecided = sum(bool(row["readable"]) for row in left)
    abstained = sum(
        not row["readable"] and row["flaw"] == member.scope.unjudgeable.get(row["prompt_id"])
        for row in left
    )
    return JudgeSummary(
        name=member.name,
        success=image_rate(images.success, clusters),
        by_slot={slot: image_rate(right, clusters) for slot, right in images.slot_correct.items()},
        n_abstained=abstained,
        n_undecided=undecided,
        n_unread=len(left) - undecided - abstained,
    )


def _agreement(one: str, other: str, images: Mapping[str, JudgedImages]) -> JudgeAgreement:
    first, second = images[one], images[other]
    same, kappa = agreement(first.success, second.success, first.clusters)
    decided = ~(np.isnan(first.success) | np.isnan(second.success))
    different = int((decided & (first.success != second.success)).sum())
    return JudgeAgreement((one, other), same, kappa, different)
