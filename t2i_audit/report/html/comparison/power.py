"""What the two runs could have shown, and what it would take to see less."""

from __future__ import annotations

from t2i_audit.printable import counted
from t2i_audit.report.html.chart import Table
from t2i_audit.report.html.page import Section
from t2i_audit.results.comparison import Comparison


def power_section(comparison: Comparison) -> Section | None:
    """None where nothing is known of it."""
    if not comparison.seen:
        return None
    prompts, seeds = comparison.n_prompts, comparison.n_seeds
    table = Table(
        "Differences of success that runs such as these see. Needed is what sees the difference "
        "in 80 of 100 cases.",
        (
            "difference in points",
            f"seen with {counted(prompts, 'prompt')} x {counted(seeds, 'seed')}",
            f"prompts needed with {counted(seeds, 'seed')}",
            f"seeds needed with {counted(prompts, 'prompt')}",
        ),
        tuple(
            (
                f"{each.points:g}",
                f"in {100 * each.power:.0f} of 100 cases",
                _needed(each.prompts),
                _needed(each.seeds),
            )
            for each in comparison.seen
        ),
        frozenset({0, 1, 2, 3}),
    )
    return Section("seen", "What could have been seen", "comparison/seen.html", {"power": table})


def _needed(number: int | None) -> str:
    return "no number suffices" if number is None else f"{number:,}"
