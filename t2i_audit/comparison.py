"""Two finished runs of the same prompts, compared image by image."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from prompts.structure import Prompt
from t2i_audit.addresses import as_given
from t2i_audit.analysis import weakest_slot
from t2i_audit.analysis.audited_run import AuditedRun
from t2i_audit.analysis.paired import (
    Kind,
    PairedImages,
    difference_in_general,
    flips_of,
    noise_expected,
    noise_found,
    notes_on,
    outcome_of,
    paired_mean,
    paired_rate,
    rates_by,
    require_comparable,
    same_noise,
    seen_differences,
    sentence_of,
    with_holm,
)
from t2i_audit.analysis.use.comparing import compared_use
from t2i_audit.analysis.use.drawn import DrawnImages
from t2i_audit.errors import AuditError, RunDirectoryError
from t2i_audit.results.comparison import Comparison, ComparisonPlan, FlippedImage, PairedRate
from t2i_audit.results.run import load_run
from t2i_audit.results.run_prompts import prompts_of
from t2i_audit.results.verdict_rows import primary_rows
from t2i_audit.run.tables import read_rows, table_path
from t2i_audit.stages.results import JudgedImages

FloatArray = NDArray[np.float64]

# Assumed of a base and its fine-tune before there is one; see docs/comparing.md.
CORRELATION = 0.5
AUDITS = ("audit", "images")


def compare_runs(base: Path, candidate: Path) -> Comparison:
    """Say whether the run in `candidate` is better than that in `base`, over what both judged.

    Raises:
        RunDirectoryError: a folder holds no finished audit, or its results were changed since.
        AuditError: the runs differ in their suite or judge, or share no judged image.
    """
    one, other = _Side(base), _Side(candidate)
    require_comparable(one.audited, other.audited)
    shared = _Shared(one, other)
    if not shared.images.both.any():
        raise AuditError(
            f"{base} and {candidate} share no image that both have a verdict on; give runs of the "
            "same prompts and seeds whose images the judge can read"
        )
    same_audit = one.audited.identity == other.audited.identity
    overall = paired_rate(shared.images)
    parts = _parts(shared)
    by_station, slots_by_station = _decodability(shared)
    return Comparison(
        base=as_given(str(base)),
        candidate=as_given(str(candidate)),
        base_model=one.summary.model,
        candidate_model=other.summary.model,
        suite=one.summary.suite,
        judge=one.summary.judge or "",
        n_prompts=int(shared.images.both.any(axis=1).sum()),
        n_seeds=shared.seeds,
        same_audit=same_audit,
        same_noise=same_noise(one.audited, other.audited),
        outcome=outcome_of(overall.difference),
        sentence=sentence_of(overall, parts, same_audit=same_audit),
        overall=overall,
        in_general=difference_in_general(shared.images, [each.pairs for each in shared.prompts]),
        by_slot=parts["slot"],
        by_type=parts["type"],
        by_split=parts["split"],
        flips=flips_of(shared.images),
        flipped=tuple(_flipped(shared)),
        decodability=by_station,
        slot_decodability=slots_by_station,
        use=compared_use(*shared.drawn()) if one.measured and other.measured else {},
        seen=seen_differences(noise_found(shared.images)),
        notes=tuple(notes_on(one.audited, other.audited, shared.images)),
    )


def plan_comparison(base: Path, *, correlation: float = CORRELATION) -> ComparisonPlan:
    """Say what a comparison with the run in `base` will show, before there is a candidate.

    Args:
        base: the run directory.
        correlation: assumed between the success rates of a prompt in the two models, 0 to 1.

    Raises:
        RunDirectoryError: as `compare_runs`.
        AuditError: no image of the run was judged, or `correlation` is out of its range.
    """
    if not 0 <= correlation <= 1:
        raise AuditError(f"the correlation should be from 0 to 1, not {correlation:g}")
    run = _Side(base)
    success = run.images.success
    if np.isnan(success).all():
        raise AuditError(f"no image of {base} has a verdict, so nothing can be planned from it")
    images = PairedImages(success, success, np.array(run.images.clusters))
    rate = paired_rate(images).base
    noise = noise_expected(images, correlation=correlation)
    one_seed = (
        "One seed cannot tell what of success lies in the prompts, so the two models are taken to "
        "share nothing, and what more seeds would show is not known.",
    )
    return ComparisonPlan(
        base=as_given(str(base)),
        model=run.summary.model,
        suite=run.summary.suite,
        judge=run.summary.judge or "",
        n_prompts=noise.prompts,
        n_seeds=noise.seeds,
        success=rate,
        correlation=correlation,
        seen=seen_differences(noise),
        notes=one_seed if noise.seeds == 1 else (),
    )


class _Side:
    """One of the two runs."""

    def __init__(self, path: Path) -> None:
        run = load_run(path)
        if run.manifest.settings.get("command") not in AUDITS:
            raise RunDirectoryError(
                f"{path} is not the run of an audit and has no success to compare; give runs of "
                "t2i-audit audit, or of t2i-audit judge"
            )
        self.path = path
        self.summary = run.summary
        self.audited = AuditedRun(
            as_given(str(path)), self.summary, run.manifest.settings, run.manifest.versions
        )
        self.prompts = prompts_of(path)
        self.judged = primary_rows(run)
        self.images = JudgedImages.of(self.prompts, self.judged, self.summary.n_seeds)
        self.measured = run.use is not None

    @cached_property
    def decodability(self) -> dict[str, dict[str, FloatArray]]:
        """By station and slot, the probability of each prompt's true value, ``(n,)``."""
        row_of = {prompt.id: row for row, prompt in enumerate(self.prompts)}
        found: dict[str, dict[str, FloatArray]] = {}
        for row in read_rows(table_path(self.path, "decodability"), "decodability"):
            slots = found.setdefault(str(row["station"]), {})
            values = slots.setdefault(str(row["slot"]), np.full(len(self.prompts), np.nan))
            values[row_of[str(row["prompt_id"])]] = float(str(row["probability"]))
        return found


class _Shared:
    """What both runs have."""

    def __init__(self, base: _Side, candidate: _Side) -> None:
        self.base, self.candidate = base, candidate
        places = {prompt.id: row for row, prompt in enumerate(candidate.prompts)}
        pairs = [
            (row, places[prompt.id])
            for row, prompt in enumerate(base.prompts)
            if prompt.id in places and candidate.prompts[places[prompt.id]].text == prompt.text
        ]
        self.base_rows = np.array([own for own, _ in pairs], dtype=int)
        self.candidate_rows = np.array([other for _, other in pairs], dtype=int)
        self.prompts: list[Prompt] = [base.prompts[row] for row in self.base_rows]
        self.seeds = min(base.summary.n_seeds, candidate.summary.n_seeds)
        self.clusters = np.array([prompt.composition for prompt in self.prompts], dtype=str)
        self.images = self._paired(base.images.success, candidate.images.success)

    def slot_images(self) -> dict[str, PairedImages]:
        """The verdicts on each slot that both runs judged."""
        own, others = self.base.images.slot_correct, self.candidate.images.slot_correct
        return {slot: self._paired(own[slot], others[slot]) for slot in own if slot in others}

    def drawn(self) -> tuple[DrawnImages, DrawnImages]:
        """What both runs drew under interventions, of the prompts that they share."""
        base, candidate = (
            DrawnImages.of(
                [side.prompts[row] for row in rows],
                side.judged,
                read_rows(table_path(side.path, "use"), "use"),
                seeds=self.seeds,
            )
            for side, rows in (
                (self.base, self.base_rows),
                (self.candidate, self.candidate_rows),
            )
        )
        return base, candidate

    def _paired(self, base: FloatArray, candidate: FloatArray) -> PairedImages:
        return PairedImages(
            base[self.base_rows, : self.seeds],
            candidate[self.candidate_rows, : self.seeds],
            self.clusters,
        )


Rates = dict[str, PairedRate]


def _parts(shared: _Shared) -> dict[Kind, Rates]:
    """By slot, type and split, each corrected over all of them."""
    slots = {name: paired_rate(own) for name, own in shared.slot_images().items()}
    parts: dict[Kind, Rates] = {
        "slot": {name: rate for name, rate in slots.items() if rate.difference.n},
        "type": rates_by(shared.images, [prompt.type for prompt in shared.prompts]),
        "split": rates_by(shared.images, [prompt.split for prompt in shared.prompts]),
    }
    # A type or a split that all prompts have is no further question.
    asked = {
        (kind, name): rate
        for kind, rates in parts.items()
        for name, rate in rates.items()
        if kind == "slot" or len(rates) > 1
    }
    for (kind, name), rate in with_holm(asked).items():
        parts[kind][name] = rate
    return parts


def _decodability(shared: _Shared) -> tuple[Rates, dict[str, Rates]]:
    """By station, and by station and slot; the slots are corrected over all stations."""
    own, others = shared.base.decodability, shared.candidate.decodability
    stations: Rates = {}
    slots: dict[tuple[str, str], PairedRate] = {}

    def paired(base: FloatArray, candidate: FloatArray) -> PairedRate:
        return paired_mean(
            base[shared.base_rows], candidate[shared.candidate_rows], shared.clusters
        )

    for station in (name for name in own if name in others):
        base, candidate = own[station], others[station]
        common = [slot for slot in base if slot in candidate]
        if not common:
            continue
        # The weakest of the slots that both read, so that one that was not read sets no bar.
        stations[station] = paired(
            *(weakest_slot({slot: read[slot] for slot in common}) for read in (base, candidate))
        )
        for slot in common:
            slots[station, slot] = paired(base[slot], candidate[slot])
    by_station: dict[str, Rates] = {station: {} for station in stations}
    for (station, slot), rate in with_holm(slots).items():
        by_station[station][slot] = rate
    return stations, by_station


def _flipped(shared: _Shared) -> Iterator[FlippedImage]:
    """Each image that changed: those that became wrong, then those that became right."""
    files = [
        {(row["prompt_id"], row["seed"]): str(row["image"]) for row in side.judged}
        for side in (shared.base, shared.candidate)
    ]
    change = shared.images.candidate - shared.images.base
    for became_right in (False, True):
        for row, seed in np.argwhere(change == (1 if became_right else -1)):
            prompt = shared.prompts[row]
            key = (prompt.id, int(seed))
            yield FlippedImage(
                prompt.id, prompt.text, int(seed), became_right, files[0][key], files[1][key]
            )
