"""Associations at three levels on one screen."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

from t2i_audit.analysis.over_models import BASELINES, PROMPTS
from t2i_audit.analysis.over_points import STRONG
from t2i_audit.printable import listed
from t2i_audit.report.styles import plain_words, print_legend, styled
from t2i_audit.report.tables import console, make_table
from t2i_audit.results.associations import Associations, PointCorrelation, RunAssociations

if TYPE_CHECKING:
    from rich.console import Console

    from t2i_audit.results.association import Association

COMPARED = "weakest slot"
SAME = 1e-12  # figures that differ less are equal but for rounding


def print_associations(found: Associations) -> None:
    """Print what was found over models, and within the models; of a single run in full."""
    screen = console()
    screen.print(f"Does decodability go with success? {found.name}")
    if found.models:
        _print_models(screen, found)
    _print_prompts(screen, found.runs)
    if len(found.runs) == 1:
        _print_values(screen, found.runs[0])
    screen.print()
    for line in _sentences(found):
        screen.print(line)
    for note in found.notes:
        screen.print(f"Note: {note}")


def _print_models(screen: Console, found: Associations) -> None:
    stations = list(dict.fromkeys(each.station for each in found.models))
    count = max(each.correlation.n for each in found.models)
    screen.print()
    screen.print(styled(f"Over models: success with decodability, {count} models", "bold"))
    by_figure: dict[str, dict[str, PointCorrelation]] = {}
    for each in found.models:
        by_figure.setdefault(each.figure, {})[each.station] = each
    beside = (*BASELINES, *PROMPTS)
    rows = [
        [
            f"  {figure}" if figure in beside else figure,
            *(_cell(own.get(station)) for station in stations),
        ]
        for figure, own in by_figure.items()
    ]
    own = by_figure[COMPARED]
    ceilings = [_number(own[station].ceiling) for station in stations if station in own]
    exact = [_exact(own[station]) for station in stations if station in own]
    rows += [["ceiling", *ceilings], ["of exact figures", *exact]]
    screen.print(make_table(["", *map(plain_words, stations)], rows))
    power = (
        ""
        if math.isnan(found.power)
        else f"; a true one of {STRONG} is shown in {found.power:.0%} by exact figures"
    )
    print_legend(
        screen,
        f"figures: Pearson's correlation with success over models, with 95% interval{power}",
        "weakest slot: mean over prompts of the probability of the slot decoded worst; accuracy "
        "and measures: mean over slots (of the code length, less is better)",
        "indented: what decodability should be compared with, by its correlation with success",
        "ceiling: the correlation of the weakest slot that the points' own errors allow; of exact "
        "figures: the correlation of the weakest slot, with these errors taken in",
    )


def _exact(found: PointCorrelation) -> str:
    exact = found.of_exact_figures
    return str(exact) if exact.is_defined else "-"


def _print_prompts(screen: Console, runs: tuple[RunAssociations, ...]) -> None:
    screen.print()
    screen.print(styled("Within a model, over prompts: failure with low decodability", "bold"))
    rows = [
        [
            run.model,
            plain_words(station),
            str(own.auroc),
            _number(own.ceiling.estimate),
            _number(own.presence_auroc.estimate),
            _number(own.odds_ratio.raw.estimate),
            str(own.odds_ratio.adjusted),
            plain_words(own.verdict),
        ]
        for run in runs
        for station, own in run.prompts.items()
    ]
    if not rows:
        screen.print(
            "No slot was read, so there is nothing to relate; the run's own summary says why."
        )
        return
    headings = [
        "model",
        "station",
        "AUROC",
        "ceiling",
        "words alone",
        "odds",
        "adjusted",
        "verdict",
    ]
    screen.print(make_table(headings, rows, gap=1))
    first = next((a for run in runs for a in run.prompts.values()), None)
    fixed = first.odds_ratio.held_fixed if first else ()
    print_legend(
        screen,
        "AUROC: chance that a wrong image's prompt is less decodable than a right one's; 0.5 says "
        "nothing",
        "ceiling: the AUROC of a predictor that knows how often each prompt fails; words alone: of "
        "a bag of words",
        "odds: how many times the odds of a right image rise with one standard deviation of "
        "decodability",
        f"adjusted: the same with {listed(fixed)} held fixed" if fixed else "adjusted: the same",
    )


def _print_values(screen: Console, run: RunAssociations) -> None:
    """The correlations over values and prompt types of a single run."""
    stations = list(run.values)
    if not stations:
        return
    screen.print()
    screen.print(styled("Within the model, over values and prompt types", "bold"))
    rows = []
    for index, each in enumerate(run.values[stations[0]]):
        own = [run.values[station][index] for station in stations]
        points = str(each.correlation.n)
        rows.append([each.figure, points, *map(_cell, own)])
    types = [run.types[station] for station in stations]
    rows.append(["prompt types", str(types[0].correlation.n), *map(_cell, types)])
    screen.print(make_table(["over the values of", "n", *map(plain_words, stations)], rows))
    print_legend(
        screen,
        "figures: Pearson's correlation of decodability with success, with 95% interval; n values "
        "or types",
        "all slots: values are compared within their slot; a value counts once, whatever slots it "
        "fills",
    )


def _sentences(found: Associations) -> Iterator[str]:
    for each in found.models:
        if each.figure == COMPARED:
            yield each.sentence
    for difference in found.differences:
        if difference.figure == COMPARED:
            yield difference.sentence
    if len(found.runs) > 1:
        return
    for run in found.runs:
        for station, own in run.prompts.items():
            yield f"{plain_words(station).capitalize()}: {own.sentence}"
            yield from _why_no_odds(own)
        for together, *_ in run.values.values():
            yield together.sentence


def _why_no_odds(own: Association) -> Iterator[str]:
    if own.odds_ratio.reason:
        yield f"  No odds ratio: {own.odds_ratio.reason}."


def _cell(found: PointCorrelation | None) -> str:
    if found is None:
        return ""
    if found.correlation.is_defined:
        return str(found.correlation)
    if not found.points:
        return "not read"
    figures = (
        [point.decodability.estimate for point in found.points],
        [point.success.estimate for point in found.points],
    )
    same = len(found.points) > 1 and any(max(each) - min(each) < SAME for each in figures)
    return "does not vary" if same else "too few"


def _number(value: float) -> str:
    return "undefined" if math.isnan(value) else f"{value:.2f}"
