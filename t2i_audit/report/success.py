"""The table of what is drawn right."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from t2i_audit.printable import counted
from t2i_audit.report.calibration import corrected_rows, corrected_source
from t2i_audit.report.judge_facts import guess_cells
from t2i_audit.report.styles import plain_words, print_legend, styled
from t2i_audit.report.tables import make_table
from t2i_audit.results.corrected import Corrected, CorrectedRate
from t2i_audit.results.interval import Interval
from t2i_audit.results.success import PairRates, Repeatability, SuccessRates

if TYPE_CHECKING:
    from rich.console import Console

    from t2i_audit.results.judge_facts import GuessRates

GAP = "seen less held out"
# An interval this wide, of a correlation from 0 to 1, says next to nothing.
TELLS_NOTHING = 0.6


@dataclass(frozen=True)
class SuccessTable:
    """The rates of a run beside what they should be compared with."""

    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    legend: tuple[str, ...]
    """A sentence for each column."""


def print_success(
    screen: Console,
    success: SuccessRates,
    *,
    guessing: GuessRates | None,
    corrected: Corrected | None,
) -> None:
    """Print the share of right images, of all and by part; see `success_table`."""
    table = success_table(success, guessing=guessing, corrected=corrected)
    screen.print()
    screen.print(styled("What is drawn right", "bold"))
    screen.print(make_table(table.headings, table.rows))
    print_legend(screen, *table.legend)


def success_table(
    success: SuccessRates, *, guessing: GuessRates | None, corrected: Corrected | None
) -> SuccessTable:
    """The share of right images, of all and by part.

    Args:
        success: of the run.
        guessing: what guesses would score, if that is known.
        corrected: the rates corrected for the judge's errors, if there are labels.
    """
    rates = named_rates(success)
    rows = [[name, str(rate)] for name, rate in rates.items()]
    by_slot = "; a slot is right or wrong by itself" if success.by_slot else ""
    headings = ["images", "right"]
    what = "with 95% interval"
    if success.pairs is not None:
        what += ", for other prompts about the same pairs of values"
    legend = [
        f"images: all {success.overall.n:,} judged, or those of one prompt type or split{by_slot}",
        f"right: share of these images, {what}",
    ]
    if success.pairs is not None:
        headings.append("for other pairs")
        general = _general(success.pairs)
        rows = [[*row, _ends(general.get(row[0]))] for row in rows]
        legend.append(_pairs_legend(success.pairs))
    if corrected is not None:
        headings.append("corrected")
        of = dict(corrected_rows(corrected))
        rows = [[*row, "" if row[0] == GAP else _corrected_cell(of.get(row[0]))] for row in rows]
        legend.append(
            f"corrected: for the errors of {corrected.judge}, by {corrected_source(corrected)}"
        )
    if guessing is not None:
        headings.append("by guessing")
        guesses = [*guess_cells(success, guessing), *([""] if GAP in rates else [])]
        rows = [[*row, guess] for row, guess in zip(rows, guesses, strict=True)]
        legend.append("by guessing: share that a guess among the judge's answers would call right")
    return SuccessTable(tuple(headings), tuple(map(tuple, rows)), tuple(legend))


def repeatability_sentence(repeats: Repeatability) -> str:
    """Whether the same prompts fail again, and what the figure means."""
    reason = f" ({repeats.reason.rstrip('.')})" if repeats.reason else ""
    meaning = "" if reason else " (1: a prompt always or never fails; 0: failures are random)"
    if repeats.overall.upper - repeats.overall.lower > TELLS_NOTHING:
        meaning += "; these images cannot tell: more prompts, seeds or failures would"
    return f"Repeatability of failures over seeds: ICC {repeats.overall}{reason}{meaning}"


def named_rates(success: SuccessRates) -> dict[str, Interval]:
    """Every rate under the name of its row; a slot and a prompt type may share a name, `relation`
    for one, hence the kind."""
    rows = {"all": success.overall}
    rows |= {f"slot {name}": rate for name, rate in success.by_slot.items()}
    rows |= {f"prompt type {name}": rate for name, rate in success.by_type.items()}
    rows |= {f"split {plain_words(name)}": rate for name, rate in success.by_split.items()}
    rows |= {f"prompts {plain_words(name)}": rate for name, rate in success.by_reading.items()}
    return rows | ({GAP: success.gap} if success.gap.is_defined else {})


def _general(pairs: PairRates) -> dict[str, Interval]:
    splits = {f"split {plain_words(name)}": rate for name, rate in pairs.by_split.items()}
    return {"all": pairs.overall, **splits, GAP: pairs.gap}


def _ends(rate: Interval | None) -> str:
    """``[0.28, 0.56]``; ``too few`` without ends."""
    if rate is None:
        return ""
    return f"[{rate.lower:.2f}, {rate.upper:.2f}]" if rate.lower == rate.lower else "too few"


def _pairs_legend(pairs: PairRates) -> str:
    held_out = f", of which {pairs.held_out_pairs} are held out" if pairs.held_out_pairs else ""
    return (
        "for other pairs: 95% interval for prompts that put other values together (such as another "
        f"colour with a shape) than these {counted(pairs.pairs, 'pair')}{held_out}; wider, as a "
        "hard pair makes all of its prompts hard"
    )


def _corrected_cell(rate: CorrectedRate | None) -> str:
    if rate is None:
        return "not labelled"
    return str(rate.rate) if not rate.reason else f"none: {rate.reason}"
