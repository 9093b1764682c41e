"""The row of a board that one finished audit makes."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from t2i_audit.analysis.audited_run import AuditedRun
from t2i_audit.analysis.over_models import mean_interval
from t2i_audit.results.decoding import SlotDecoding, StationSummary
from t2i_audit.results.interval import Interval, undefined
from t2i_audit.results.judge_facts import JudgeFacts
from t2i_audit.results.leaderboard import LeaderboardRow, StationControls
from t2i_audit.results.outcomes import Outcomes
from t2i_audit.results.success import SuccessRates
from t2i_audit.results.use import Use
from t2i_audit.stats.shares import share_of_totals


def row_of(run: AuditedRun, *, stations: Sequence[str]) -> LeaderboardRow:
    """The row of `run`, in no group yet; `stations` become columns."""
    summary, settings, measure = run.summary, run.settings, run.measure
    success = summary.success or SuccessRates(undefined(), {}, {}, {})
    corrected, attribution = summary.corrected, summary.attribution
    associations = summary.associations or {}
    probed = summary.stations
    return LeaderboardRow(
        group=0,
        run=run.directory,
        model=summary.model,
        suite=summary.suite,
        judge=measure.judge,
        n_seeds=_count(measure.seeds, summary.n_seeds),
        n_prompts=summary.n_prompts,
        n_images=summary.n_images,
        success=success.overall,
        decodability={
            name: probed[name].decodability if name in probed else undefined() for name in stations
        },
        culprit=None if attribution is None else attribution.culprit,
        corrected=undefined() if corrected is None else corrected.overall.rate,
        setup=run.setup,
        suite_sha256=measure.suite_sha256,
        judge_sha256=measure.judge_sha256,
        weights_sha256=str(settings.get("weights_sha256") or ""),
        checkpoint=run.checkpoint,
        identity=run.identity,
        judge_facts=summary.judge_facts.get(measure.judge, JudgeFacts()),
        success_by_kind={} if run.outcomes is None else by_kind(run.outcomes),
        success_by_split=success.by_split,
        held_out_gap=success.gap,
        corrected_by_split=(
            {} if corrected is None else {k: v.rate for k, v in corrected.by_split.items()}
        ),
        repeatability=(
            undefined() if summary.repeatability is None else summary.repeatability.overall
        ),
        controls={name: _controls(probed[name]) for name in stations if name in probed},
        association={name: associations[name].auroc for name in stations if name in associations},
        association_verdict={
            name: associations[name].verdict for name in stations if name in associations
        },
        attribution=(
            {} if attribution is None else {str(k): v for k, v in attribution.causes.items()}
        ),
        cost=run.cost,
        use_by_slot={} if run.use is None else {each.slot: each.use for each in run.use.given},
        use_verdict=(
            {} if run.use is None else {each.slot: each.verdict for each in run.use.given}
        ),
        use_culprit={} if run.use is None else _culprits(run.use),
        created=run.created,
        versions=dict(run.versions),
        prompts_asked=_count(measure.prompts, summary.n_prompts),
    )


def by_kind(outcomes: Outcomes) -> dict[str, Interval]:
    """By kind of constituent, the share of its slots that are right; `n` counts slots of images."""
    _, owner = np.unique(np.array(outcomes.prompts.compositions), return_inverse=True)
    found = {}
    for kind, (right, judged) in sorted(outcomes.by_kind.items()):
        ones, sizes = (np.bincount(owner, each).astype(np.float64) for each in (right, judged))
        found[kind] = share_of_totals(ones[sizes > 0], sizes[sizes > 0])
    return found


def _culprits(use: Use) -> dict[str, str]:
    """Of the slots whose use was measured."""
    measured = {each.slot for each in use.given}
    return {each.slot: each.culprit for each in use.culprits if each.slot in measured}


def _controls(station: StationSummary) -> StationControls:
    slots = list(station.slots.values())

    def mean(figure: Callable[[SlotDecoding], Interval]) -> Interval:
        return mean_interval(map(figure, slots))

    return StationControls(
        accuracy=mean(lambda slot: slot.estimates.balanced_accuracy),
        random_weights=mean(lambda slot: slot.estimates.random_weights_balanced_accuracy),
        words_alone=mean(lambda slot: slot.estimates.presence_balanced_accuracy),
        gain_over_random_weights=mean(lambda slot: slot.gain_over_random_weights),
    )


def _count(asked: object, found: int) -> int:
    return asked if isinstance(asked, int) else found
