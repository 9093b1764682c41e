"""A judge's card on one screen, and how many labels are needed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from t2i_audit.printable import counted, printable
from t2i_audit.report.styles import plain_words, print_legend, styled
from t2i_audit.report.tables import console, make_table
from t2i_audit.results.corrected import Corrected, CorrectedRate
from t2i_audit.results.judge_card import (
    CARDS,
    Agreement,
    Calibration,
    JudgeCard,
    RaterAgreement,
    Raters,
)
from t2i_audit.results.label_plan import LabelPlan

if TYPE_CHECKING:
    from rich.console import Console

WHOLE = "whole prompt"
T = TypeVar("T")


def print_card(card: JudgeCard, run_path: Path) -> None:
    """Print what is known of a judge's errors, and the rates corrected for them.

    Args:
        card: of the judge.
        run_path: the run directory that holds it.
    """
    screen = console()
    screen.print(f"{card.judge} on {card.model}, {card.suite}, against {card.labels}")
    screen.print(f"{counted(card.n_labels, 'labelled image')} of {card.n_images:,} judged ones")
    _print_agreement(screen, {WHOLE: card.overall, **_kinds(card.by_kind)})
    calibrations = {} if card.calibration is None else {WHOLE: card.calibration}
    calibrations |= _kinds(card.calibration_by_kind)
    if calibrations:
        _print_calibration(screen, calibrations)
    if card.raters:
        _print_agreement_of_raters(screen, card.raters)
    _print_corrected(screen, card.corrected)
    for note in dict.fromkeys((*card.corrected.notes, *card.notes)):
        screen.print(f"Note: {note}")
    screen.print(printable(f"Judge card: {run_path / CARDS}"), soft_wrap=True)


def print_raters(raters: Raters) -> None:
    """Print how the raters of a file agree with each other."""
    screen = console()
    images, labels = counted(raters.n_images, "image"), counted(raters.n_labels, "label")
    screen.print(f"{raters.labels} on {raters.suite}: {images}, {labels}")
    _print_agreement_of_raters(screen, raters.agreement)
    for note in raters.notes:
        screen.print(f"Note: {note}")


def print_plan(plan: LabelPlan) -> None:
    """Print how many labels are needed, under which assumptions."""
    screen = console()
    points = f"{plan.half_width * 100:g}"
    screen.print(
        styled(f"Labels for a corrected rate of {plan.judge} within {points} points", "bold")
    )
    rows = [
        (each.source, f"{each.sensitivity:.2f}", f"{each.specificity:.2f}", f"{each.rate:.2f}",
         f"{each.labels:,}", f"{each.accepted:,} + {each.rejected:,}", f"{each.proportional:,}",
         f"{each.without_judge:,}")
        for each in plan.needed
    ]  # fmt: skip
    headings = (
        *("judge's errors", "sensitivity", "specificity", "truly right", "labels"),
        *("called right + wrong", "drawn at random", "without judge"),
    )
    screen.print(make_table(headings, rows))
    print_legend(
        screen,
        "labels: for a 95% interval of this half-width, one image a prompt, by the best allocation",
        f"truly right: 0.50 is the worst case; the other follows from the {plan.judged_right:.2f} "
        "that the judge calls right",
        "drawn at random: the same without strata; without judge: from labels alone",
    )
    first = ", ".join(f"{count} called {name}" for name, count in plan.pilot.items())
    screen.print(f"Label first: {first}. Then calibrate with --plan --labels to see what is left.")
    most = max(each.labels for each in plan.needed)
    if most > plan.n_images:
        screen.print(
            f"The run has {plan.n_images:,} judged images, fewer than the largest of these "
            "numbers: label them all, or make more seeds."
        )


def corrected_rows(corrected: Corrected) -> Iterator[tuple[str, CorrectedRate]]:
    """Every corrected rate with its name, as the table of success names it."""
    yield "all", corrected.overall
    parts = (("slot", corrected.by_slot), ("prompt type", corrected.by_type))
    for what, rates in (*parts, ("split", corrected.by_split)):
        for name, rate in rates.items():
            yield f"{what} {plain_words(name) if what == 'split' else name}", rate


def corrected_source(corrected: Corrected) -> str:
    """What a correction rests on, in words."""
    source = f"{counted(corrected.n_labels, 'labelled image')} ({corrected.labels})"
    if corrected.method == "rogan_gladen":
        source = f"the judge's errors on another run ({corrected.labels})"
    return f"{source}: sensitivity {corrected.sensitivity}, specificity {corrected.specificity}"


def _kinds(by_kind: Mapping[str, T]) -> dict[str, T]:
    return {f"slots of kind {kind}": each for kind, each in by_kind.items()}


def _print_agreement(screen: Console, agreements: Mapping[str, Agreement]) -> None:
    screen.print()
    screen.print(styled("How the judge agrees with the labels", "bold"))
    figures = ("sensitivity", "specificity", "accuracy", "kappa", "alpha")
    rows = [
        (name, *(str(getattr(each, figure)) for figure in figures))
        for name, each in agreements.items()
    ]
    screen.print(make_table(("of", *figures), rows, gap=1))
    print_legend(
        screen,
        "sensitivity: share of the truly right that the judge calls right; specificity: of the "
        "truly wrong that it calls wrong",
        "kappa: Cohen's; alpha: Krippendorff's, of the judge and the raters' majority; every "
        "interval is over prompts",
    )
    for name, each in agreements.items():
        if each.reason:
            screen.print(printable(f"Undefined in part: {name} ({each.reason})"))


def _print_agreement_of_raters(screen: Console, raters: Mapping[str, RaterAgreement]) -> None:
    screen.print()
    screen.print(styled("How the raters agree with each other", "bold"))
    rows = [
        (WHOLE if name == "overall" else f"slot {name}", str(each.alpha), str(each.kappa),
         f"{each.alpha.n:,}", f"{each.raters} ({each.kappa.n:,})")
        for name, each in raters.items()
    ]  # fmt: skip
    headings = ("of", "alpha", "kappa", "rated", "raters")
    screen.print(make_table(headings, rows))
    print_legend(
        screen,
        "alpha: Krippendorff's, of all that two raters or more have rated",
        "kappa: Fleiss', of what the usual number of raters have rated: that number, and how many",
    )


def _print_calibration(screen: Console, calibrations: Mapping[str, Calibration]) -> None:
    screen.print()
    screen.print(styled("Whether the judge's probabilities hold", "bold"))
    rows = [
        (name, str(each.brier), str(each.expected_error)) for name, each in calibrations.items()
    ]
    screen.print(make_table(("of", "Brier", "calibration error"), rows))
    print_legend(
        screen,
        "Brier: mean squared distance from the truth; calibration error: mean distance of a "
        "probability from the share right",
    )


def _print_corrected(screen: Console, corrected: Corrected) -> None:
    screen.print()
    screen.print(styled("What is drawn right, corrected for the judge's errors", "bold"))
    powered = corrected.method == "two_phase"
    rows = []
    for name, rate in corrected_rows(corrected):
        cells = [name, str(rate.judged), str(rate)]
        if powered:
            cells += [str(rate.prediction_powered) if not rate.reason else "", f"{rate.rate.n:,}"]
        rows.append(cells)
    headings = ["images", "judged right", "corrected"]
    headings += ["prediction-powered", "labels"] if powered else []
    screen.print(make_table(headings, rows))
    how = (
        "corrected: two-phase estimate, the share right among the labelled images that the judge "
        "calls right and wrong, weighted by the shares of these"
        if powered
        else "corrected: by the sensitivity and specificity on the other run (Rogan and Gladen)"
    )
    print_legend(screen, how)
