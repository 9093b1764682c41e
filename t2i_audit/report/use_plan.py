"""What measuring use takes, on the terminal."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

from t2i_audit.printable import counted
from t2i_audit.report.styles import print_legend
from t2i_audit.report.tables import console, make_table
from t2i_audit.results.use import TEXT

if TYPE_CHECKING:
    from typing import TextIO

    from t2i_audit.results.use_plan import PlannedImages, UsePlan

KINDS = ("erase", "random", "steer", "context")
MINUTE, HOUR, MEGABYTE = 60, 3600, 1e6


def print_use_plan(plan: UsePlan, *, to: TextIO | None = None) -> None:
    """Print how many images are drawn anew, slot by slot, and what they take."""
    screen = console(file=to)
    screen.print(f"{plan.model}: images of {plan.suite} drawn anew to measure use")
    rows: dict[tuple[str, str], dict[str, PlannedImages]] = {}
    for part in plan.parts:
        rows.setdefault((part.site, part.slot), {})[part.kind] = part
    sites = any(part.site != TEXT for part in plan.parts)
    headings = ["slot", *(["site"] if sites else []), *KINDS]
    screen.print(
        make_table(
            headings,
            [
                [slot or "all words", *([site] if sites else []), *_counts(own)]
                for (site, slot), own in rows.items()
            ],
        )
    )
    screen.print(" ".join(cost_sentences(plan)))
    print_legend(screen, *plan.notes)


def cost_sentences(plan: UsePlan) -> Iterator[str]:
    """How many images are missing, and what they take."""
    there = plan.images - plan.missing
    beside = f", {counted(there, 'image')} are there already" if there else ""
    yield (
        f"{counted(plan.missing, 'image')} to make, {plan.missing / plan.own_images:.1f} times "
        f"those of the run{beside}."
    )
    if not plan.missing:
        return
    if plan.prompts_read:
        yield (
            f"What the blocks hold of {counted(plan.prompts_read, 'prompt')} is read first, which "
            "takes at most as long as as many images."
        )
    taken = "the run did not record how long an image takes"
    if plan.seconds is not None:
        taken = f"{duration(plan.seconds)} without judging, as the run measured it on {plan.device}"
    yield f"They take about {max(plan.bytes / MEGABYTE, 0.1):,.1f} MB on the disk; {taken}."
    if not math.isnan(plan.half_width):
        yield f"95% intervals of use will reach at most {plan.half_width:.2f} to either side."


def duration(seconds: float) -> str:
    """E.g. ``about 4 minutes``."""
    if seconds < 2 * MINUTE:
        return f"about {max(round(seconds), 1)} s"
    if seconds < 2 * HOUR:
        return f"about {round(seconds / MINUTE)} minutes"
    return f"about {seconds / HOUR:.1f} hours"


def _counts(own: dict[str, PlannedImages]) -> list[str]:
    return [f"{own[kind].prompts:,}" if kind in own else "" for kind in KINDS]
