"""What a run does not show, in plain words."""

from __future__ import annotations

from collections.abc import Iterator

from t2i_audit.analysis.culprit import FEW_FAILURES
from t2i_audit.printable import counted, listed, printable
from t2i_audit.report.causes import power_lines
from t2i_audit.report.styles import plain_words
from t2i_audit.report.undecided import undecided_slots
from t2i_audit.report.verdict import is_presence, percent
from t2i_audit.results.decoding import DENOISER, TEXT_ENCODER, StationSummary
from t2i_audit.results.summary import RunSummary

EXACT = ("oracle", "human")
"""Judges whose verdicts are the truth, or what people take for it."""
WIDE = 0.2  # of an interval of the success rate


def unknowns(summary: RunSummary) -> Iterator[str]:
    """A sentence for each thing that a reader might take for shown and is not."""
    yield from _of_images(summary)
    if summary.attribution is not None:
        yield from power_lines(summary.attribution)
    for name, station in summary.stations.items():
        yield from _without_control(name, station)
    read = {name: station for name, station in summary.stations.items() if station.slots}
    yield from (each.sentence for each in undecided_slots(read))
    repeats = summary.repeatability
    if repeats is not None and repeats.reason:
        reason = repeats.reason.rstrip(".")
        yield printable(f"Whether the same prompts fail again is not known: {reason}.")


def _of_images(summary: RunSummary) -> Iterator[str]:
    if summary.success is None:
        yield "What is drawn is not known, because a probe makes no images."
        if TEXT_ENCODER not in summary.stations:
            yield "Nothing was probed."
        return
    if TEXT_ENCODER not in summary.stations:
        yield "Where constituents are lost is not known, because no checkpoint was probed."
    elif DENOISER not in summary.stations:
        yield "What the denoiser holds is not known, because it was not probed."
    overall = summary.success.overall
    if overall.is_defined and overall.upper - overall.lower > WIDE:
        yield (
            f"Success is only known to lie between {percent(overall.lower)} and "
            f"{percent(overall.upper)}; more prompts would narrow that."
        )
    if summary.n_excluded:
        yield (
            f"{counted(summary.n_excluded, 'image')} of {summary.n_images:,} without a verdict "
            "are left out of every figure."
        )
    if not summary.success.by_slot:
        yield printable(
            f"Which slots are drawn wrong is not known: the judge {summary.judge} judges whole "
            "prompts only."
        )
    attribution = summary.attribution
    if attribution is not None and attribution.failure_rate.upper <= FEW_FAILURES:
        yield "Causes of the few failures are not named."
    kind = (summary.judge or "").partition(":")[0]
    if summary.corrected is None and kind not in EXACT:
        yield printable(
            f"How often the judge {summary.judge} is wrong is not known: nobody has labelled "
            "images of this run (t2i-audit label, then t2i-audit calibrate)."
        )


def _without_control(name: str, station: StationSummary) -> Iterator[str]:
    missing = [
        slot
        for slot, decoding in station.slots.items()
        if decoding.estimates.balanced_accuracy.is_defined
        and not decoding.estimates.random_weights_balanced_accuracy.is_defined
        and not is_presence(slot)
    ]
    if missing:
        which = "" if len(missing) == len(station.slots) else f" of {listed(missing)}"
        yield printable(
            f"Whether training adds anything at the {plain_words(name)}{which} is not known: the "
            "control with random weights was not run."
        )
