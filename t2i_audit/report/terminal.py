"""A run on one screen: the verdict in two sentences, then the tables behind it."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from t2i_audit.io import dump_json
from t2i_audit.printable import counted, printable
from t2i_audit.report.blocks import blocks_sentence
from t2i_audit.report.causes import print_causes
from t2i_audit.report.controls import VERDICTS, print_controls
from t2i_audit.report.judge_facts import baseline_lines
from t2i_audit.report.judges import print_judges
from t2i_audit.report.measures import print_measures
from t2i_audit.report.recalls import value_lines
from t2i_audit.report.styles import plain_words, print_legend, styled, verdict_cell
from t2i_audit.report.success import print_success, repeatability_sentence
from t2i_audit.report.tables import console, make_table
from t2i_audit.report.undecided import undecided_slots
from t2i_audit.report.use import print_use_part, use_sentence
from t2i_audit.report.vae import vae_sentence
from t2i_audit.report.verdict import is_presence, verdict_sentences
from t2i_audit.results.cost import Cost
from t2i_audit.results.decoding import SlotDecoding, StationSummary
from t2i_audit.results.summary import RunSummary
from t2i_audit.results.use import Use

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

    from t2i_audit.results.run import Run


def print_run(run: Run, *, as_json: bool = False, verbose: bool = False) -> None:
    """Print the summary of a finished run on one screen, or as JSON.

    Args:
        run: as `load_run` reads it.
        as_json: print what ``summary.json`` holds instead.
        verbose: print the wide tables too, with the baseline and every control.
    """
    if as_json:
        sys.stdout.write(dump_json(run.summary))
    else:
        print_summary(run.summary, run.path, cost=run.cost, use=run.use, verbose=verbose)


def print_summary(
    summary: RunSummary,
    run_path: Path,
    *,
    cost: Cost | None = None,
    use: Use | None = None,
    to: Console | None = None,
    verbose: bool = False,
) -> None:
    """Print a run's summary.

    Args:
        summary: of the run.
        run_path: the run directory.
        cost: what the images took, if that is known.
        use: what interventions showed, if there were any.
        to: where to print; stdout if None.
        verbose: print the wide tables too.
    """
    screen = console() if to is None else to
    screen.print(_title(summary))
    screen.print(_size(summary))
    screen.print()
    for sentence in verdict_sentences(summary):
        screen.print(styled(sentence, "bold"))
    if use is not None:
        screen.print(styled(use_sentence(use), "bold"))
    _print_stations(screen, summary.stations)
    if summary.blocks is not None and summary.blocks.lost:
        screen.print(printable(blocks_sentence(summary.blocks)))
    if summary.vae is not None:
        screen.print(printable(vae_sentence(summary.vae)))
    for name, station in summary.stations.items() if verbose else ():
        print_controls(screen, name, station)
        print_measures(screen, name, station)
    if summary.success is not None:
        facts = summary.judge_facts.get(summary.judge or "")
        guessing = None if facts is None else facts.guessing
        print_success(screen, summary.success, guessing=guessing, corrected=summary.corrected)
        for line in baseline_lines(summary.judge_facts):
            screen.print(printable(line))
    if len(summary.judges) > 1:
        print_judges(screen, summary.judges, summary.agreement)
    if summary.attribution is not None:
        print_causes(screen, summary.attribution)
    if use is not None:
        print_use_part(screen, use)
    screen.print()
    for line in _findings(summary, verbose=verbose):
        screen.print(printable(line))
    if cost is not None:
        screen.print(printable(cost.sentence))
    of_correction = () if summary.corrected is None else summary.corrected.notes
    of_use = () if use is None else use.notes
    for note in (*summary.notes, *of_correction, *of_use):
        screen.print(printable(f"Note: {note}"))
    screen.print(printable(f"Run directory: {run_path}"), soft_wrap=True)


def _title(summary: RunSummary) -> str:
    judged = "" if summary.judge is None else f", judged by {summary.judge}"
    return printable(f"{summary.model} on {summary.suite}{judged}")


def _size(summary: RunSummary) -> str:
    prompts = counted(summary.n_prompts, "prompt")
    if not summary.n_images:
        return f"{prompts}, no images"
    images = counted(summary.n_images, "image")
    left_out = summary.n_excluded
    return f"{prompts}, {counted(summary.n_seeds, 'seed')}, {images}" + (
        f" ({left_out} not judged, left out)" if left_out else ""
    )


def _print_stations(screen: Console, stations: Mapping[str, StationSummary]) -> None:
    """Every slot with its accuracy and its verdict at each station."""
    if not stations:
        return
    screen.print()
    read = {name: station for name, station in stations.items() if station.slots}
    for name in (name for name in stations if name not in read):
        screen.print(f"{plain_words(name).capitalize()}: there was nothing to read")
    if not read:
        return
    screen.print(styled("What a linear probe decodes", "bold"))
    slots = dict.fromkeys(
        slot for station in read.values() for slot in station.slots if not is_presence(slot)
    )
    rows = []
    for slot in slots:
        row: list[str | Text] = [slot]
        for station in read.values():
            decoding = station.slots.get(slot)
            row += ["", ""] if decoding is None else _decoded_cells(decoding)
        rows.append(row)
    headings = ["slot"]
    for name in read:
        headings += [plain_words(name), "verdict"]
    screen.print(make_table(headings, rows, gap=1))
    where = ", ".join(map(plain_words, read))
    print_legend(
        screen,
        "slot: role in the prompt, e.g. the colour of its first object",
        f"{where}: balanced accuracy of a probe for the slot's value, with 95% interval",
        VERDICTS,
    )
    for each in undecided_slots(read):
        screen.print(each.line)
    for line in value_lines(read):
        screen.print(line)


def _decoded_cells(decoding: SlotDecoding) -> list[str | Text]:
    figure = str(decoding.estimates.balanced_accuracy)
    return [figure, verdict_cell(decoding)]


def _findings(summary: RunSummary, *, verbose: bool) -> Iterator[str]:
    for station, association in (summary.associations or {}).items():
        yield f"{plain_words(station).capitalize()}: {association.sentence}"
        if verbose:
            yield (
                f"  AUROC {association.auroc}, words alone {association.presence_auroc}, Spearman "
                f"{association.spearman}, p = {_p_value(association.p_value)}, over pairs p = "
                f"{_p_value(association.p_pairs)}, odds ratio {association.odds_ratio.adjusted}"
            )
    if summary.repeatability is not None:
        yield repeatability_sentence(summary.repeatability)


def _p_value(value: float) -> str:
    return "undefined" if value != value else f"{value:.3g}"
