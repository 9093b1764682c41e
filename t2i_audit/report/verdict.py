"""The result of a run in two plain sentences: what fails and how often; who is to blame, how sure.

Nothing is said here that the figures do not show: where a cause is not clear, or the run is too
small, the sentence says that.
"""

from __future__ import annotations

from collections.abc import Mapping

from prompts.structure import PRESENCE
from t2i_audit.analysis.chance import FEWEST_IMAGES
from t2i_audit.analysis.culprit import FEW_FAILURES, NO_LEAD, by_share
from t2i_audit.printable import counted, listed
from t2i_audit.report.blocks import lost_in_blocks_sentence
from t2i_audit.report.recalls import lost_values
from t2i_audit.report.vae import lost_in_vae
from t2i_audit.results.attribution import AttributionShares, Cause
from t2i_audit.results.corrected import Corrected
from t2i_audit.results.decoding import TEXT_ENCODER, SlotDecoding
from t2i_audit.results.interval import Interval
from t2i_audit.results.success import SuccessRates
from t2i_audit.results.summary import RunSummary

CAUSE_NAMES: dict[Cause, str] = {
    "encoder": "the text encoder",
    "denoiser": "the denoiser",
    "chance": "chance",
    "not told from chance": "the denoiser or chance",
    "unclear": "no clear cause",
}
# Up to this intraclass correlation, prompts that fail once hardly fail more often than others.
HARDLY_REPEATS = 0.2
MOST_NAMED = 3  # slots in a sentence


def verdict_sentences(summary: RunSummary) -> tuple[str, str]:
    """What fails and how often, and who is to blame and how sure that is."""
    if summary.success is None:
        return (
            _decoded_sentence(summary),
            "No images were made, so this run does not show what fails in images, nor why.",
        )
    failure = _failure_sentence(summary.success) + _corrected_sentence(summary.corrected)
    if not summary.stations:
        nobody = "No cause can be named, because no checkpoint was probed beside the images."
        return failure, nobody
    blame = _blame_sentence(summary.attribution, summary.n_seeds)
    if summary.blocks is not None:
        blame += lost_in_blocks_sentence(summary.blocks)
    return failure, blame + ("" if summary.vae is None else lost_in_vae(summary.vae))


def percent(share: float) -> str:
    """E.g. ``54%``; a share that would round to nothing or to everything says so."""
    if 0 < share < 0.005:
        return "under 1%"
    if 0.995 < share < 1:
        return "over 99%"
    return f"{share:.0%}"


def is_presence(slot: str) -> bool:
    """Whether `slot` is no slot but the presence of one kind of constituent."""
    return slot.startswith(PRESENCE + ".")


def _failure_sentence(success: SuccessRates) -> str:
    wrong = _complement(success.overall)
    if not wrong.is_defined:
        return "No image could be judged, so nothing is known about failures."
    images = f"{wrong.n:,} judged images"
    if wrong.n == 1:
        state = "wrong" if wrong.estimate else "right"
        return (
            f"The only judged image is {state}, and one image says little "
            f"({_between(wrong)} for the failure rate)."
        )
    if wrong.estimate == 0:
        return f"None of the {images} is wrong ({_between(wrong)} for the failure rate)."
    how_often = "All" if wrong.estimate == 1 else f"{percent(wrong.estimate)} of"
    return f"{how_often} the {images} are wrong ({_between(wrong)}){_what_fails(success)}."


def _corrected_sentence(corrected: Corrected | None) -> str:
    """How many images are wrong once the judge's errors are taken in; empty if that is unknown."""
    if corrected is None or not corrected.overall.rate.is_defined:
        return ""
    wrong = _complement(corrected.overall.rate)
    return f" Corrected for the judge's errors, {percent(wrong.estimate)} are ({_between(wrong)})."


def _what_fails(success: SuccessRates) -> str:
    """Which slots, or else which prompt types, are wrong most often; empty if there is no choice.

    Those are named together whose intervals overlap that of the most frequent one.
    """
    rates, what = success.by_slot, "slot"
    if not rates:
        rates, what = success.by_type, "prompt type"
    wrong = {name: _complement(rate) for name, rate in rates.items() if rate.is_defined}
    if len(wrong) < 2:
        return ""
    worst = max(wrong.values(), key=lambda rate: rate.estimate)
    named = sorted(
        (name for name, rate in wrong.items() if rate.upper >= worst.lower),
        key=lambda name: -wrong[name].estimate,
    )
    if len(named) == len(wrong) or len(named) > MOST_NAMED:
        return f"; no {what} fails clearly more often than the others"
    figures = [f"{name} ({percent(wrong[name].estimate)})" for name in named]
    if len(named) == 1:
        return f"; the {what} that fails most often is {figures[0]}"
    return f"; the {what}s that fail most often are {listed(figures)}"


def _blame_sentence(attribution: AttributionShares | None, n_seeds: int) -> str:
    if attribution is None:
        return (
            "No cause can be named: no prompt has constituents whose words were found in what a "
            "text encoder reads."
        )
    shares, culprit = attribution.causes, attribution.culprit
    if culprit == "few failures":
        return _few_failures_sentence(attribution.failure_rate)
    if culprit == "unclear":
        return _unclear_sentence(attribution)
    share, items = shares[culprit], _items(attribution, culprit)
    if culprit == "not told from chance":
        return (
            f"The text encoder is not to blame: it holds what was drawn wrong in {items} "
            f"({_between(share)}). Whether the denoiser or chance spoils them cannot be told with "
            f"{counted(n_seeds, 'seed')}; use --seeds {FEWEST_IMAGES} or more."
        )
    second = by_share(shares)[1]
    following = f"{CAUSE_NAMES[second]} follows with {percent(shares[second].estimate)}"
    if second == "unclear":
        following = f"{percent(shares[second].estimate)} have no clear cause"
    if culprit == "chance":
        often = "over three in four" if attribution.of == "images" else "most"
        return (
            f"Chance is the main cause: {items} are of prompts that are drawn right under "
            f"{often} of their seeds ({_between(share)}); {following}."
        )
    blamed = (
        f"{CAUSE_NAMES[culprit].capitalize()} is to blame: {items} are attributed to it "
        f"({_between(share)}); {following}."
    )
    return blamed + (_repeats_sentence(attribution.repeats) if culprit == "denoiser" else "")


def _items(attribution: AttributionShares, cause: Cause) -> str:
    share = attribution.causes[cause]
    what = "wrong images" if attribution.of == "images" else "failing prompts"
    return f"{percent(share.estimate)} of {share.n:,} {what}"


def _repeats_sentence(repeats: Interval) -> str:
    """Whether the denoiser fails at the same prompts again; empty where that is open."""
    if repeats.upper <= HARDLY_REPEATS:
        return f" It guesses: hardly any prompt fails more often than others (ICC {repeats})."
    if repeats.lower > HARDLY_REPEATS:
        return f" It fails at the same prompts again (ICC over seeds {repeats})."
    return ""


def _few_failures_sentence(failure_rate: Interval) -> str:
    if failure_rate.upper <= FEW_FAILURES:
        return (
            "Nobody is blamed, because failures are few: the 95% interval of their rate ends at "
            f"{failure_rate.upper:.1%}, and up to {percent(FEW_FAILURES)} no cause is named."
        )
    return (
        "There is no failure to explain, but the run is too small to show that there are few: "
        f"their rate may be up to {percent(failure_rate.upper)}."
    )


def _unclear_sentence(attribution: AttributionShares) -> str:
    shares = attribution.causes
    first, second = by_share(shares)[:2]
    if first == "unclear":
        return (
            f"It is not clear who is to blame: for {_items(attribution, first)} "
            f"({_between(shares[first])}) the probes do not decide between the text encoder and "
            "the denoiser."
        )
    if attribution.reason not in ("", NO_LEAD):
        return f"No cause can be named: {attribution.reason}."
    other = f"{CAUSE_NAMES[second]} for {percent(shares[second].estimate)}"
    if second == "unclear":
        other = f"{percent(shares[second].estimate)} have no clear cause"
    return (
        f"It is not clear who is to blame: {CAUSE_NAMES[first]} accounts for "
        f"{_items(attribution, first)} ({_between(shares[first])}) and {other}."
    )


def _decoded_sentence(summary: RunSummary) -> str:
    station = summary.stations.get(TEXT_ENCODER)
    slots = {} if station is None else _slots_only(station.slots)
    decided = {slot: each for slot, each in slots.items() if each.verdict != "undefined"}
    if not decided:
        reasons = sorted({each.reason for each in slots.values() if each.reason})
        why = f" ({reasons[0]})" if len(reasons) == 1 else ""
        return f"Nothing can be said of the text encoder: no slot could be decided{why}."
    lost = [slot for slot, each in decided.items() if each.verdict == "lost"]
    unclear = [slot for slot, each in decided.items() if each.verdict == "unclear"]
    values = [
        f"of {slot} {listed(list(lost_values(each)))}"
        for slot, each in decided.items()
        if each.verdict != "lost" and lost_values(each)
    ]
    of_slots = counted(len(decided) - len(unclear), "slot")
    said = f"The text encoder loses none of {of_slots}"
    if len(unclear) == len(decided):
        said = "It is not clear whether the text encoder loses any slot"
    if lost:
        named = [f"{slot} ({decided[slot].estimates.balanced_accuracy})" for slot in lost]
        if len(lost) > MOST_NAMED:
            named = [*named[:MOST_NAMED], f"{len(lost) - MOST_NAMED} more"]
        said = (
            f"The text encoder loses {len(lost)} of {of_slots}, with their balanced accuracy: "
            f"{listed(named)}"
        )
    if values:
        more = f", and {len(values) - MOST_NAMED} more" if len(values) > MOST_NAMED else ""
        said += f"; it does lose some values: {', '.join(values[:MOST_NAMED])}{more}"
    if unclear:
        more = " more" if len(unclear) < len(decided) else ""
        verb = "is" if len(unclear) == 1 else "are"
        said += f"; {len(unclear)}{more} {verb} unclear"
    return f"{said}."


def _slots_only(slots: Mapping[str, SlotDecoding]) -> dict[str, SlotDecoding]:
    return {slot: each for slot, each in slots.items() if not is_presence(slot)}


def _complement(rate: Interval) -> Interval:
    """The failure rate of a success rate."""
    return Interval(1 - rate.estimate, 1 - rate.upper, 1 - rate.lower, rate.n)


def _between(share: Interval) -> str:
    return f"95% interval {percent(share.lower)} to {percent(share.upper)}"
