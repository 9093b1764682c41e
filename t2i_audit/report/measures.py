"""The table of what does not saturate: every slot's measures beside their baseline and control."""

from __future__ import annotations

from typing import TYPE_CHECKING

from t2i_audit.report.styles import plain_words, print_legend, styled
from t2i_audit.report.tables import make_table

if TYPE_CHECKING:
    from rich.console import Console

    from t2i_audit.results.decoding import StationSummary

HEADINGS = ("slot", "measure", "decoded", "words alone", "random weights", "gain", "guess")
LEGENDS = {
    "r2": "R2: variance explained by the probe of the accuracy, mean over the slot's values",
    "code_length": (
        "code length: bits per prompt that are still needed to tell the value, by a probe that has "
        "learned from 16 to 64 prompts with other partner values; less is better"
    ),
    "shared_readout": (
        "shared readout: balanced accuracy of one map for all objects, read at their nouns, from "
        "64 objects with other partner values"
    ),
    "transferred_readout": "transferred readout: the same, learned from the other objects only",
}


def print_measures(screen: Console, name: str, station: StationSummary) -> None:
    """One station's table of measures; nothing where none could be taken."""
    rows = [
        (
            slot,
            "R2" if measure == "r2" else plain_words(measure),
            str(each.own),
            str(each.words_alone),
            str(each.random_weights),
            str(each.gain_over_random_weights),
            f"{each.guess:.2f}",
        )
        for slot, decoding in station.slots.items()
        for measure, each in decoding.measures.items()
    ]
    if not rows:
        return
    screen.print()
    title = f"{plain_words(name).capitalize()}, by measures that do not saturate"
    screen.print(styled(title, "bold"))
    screen.print(make_table(HEADINGS, rows, gap=1))
    taken = {measure for each in station.slots.values() for measure in each.measures}
    print_legend(
        screen,
        *(legend for measure, legend in LEGENDS.items() if measure in taken),
        "gain: how much better than with random weights; above 0 it is better",
    )
