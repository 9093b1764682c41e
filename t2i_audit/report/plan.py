"""What a suite can show, on the terminal."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from t2i_audit.printable import counted
from t2i_audit.report.styles import print_legend, styled
from t2i_audit.report.tables import console, make_table
from t2i_audit.report.use_plan import duration

if TYPE_CHECKING:
    from rich.console import Console

    from t2i_audit.results.plan import GroupPlan, SuitePlan
    from t2i_audit.results.taken import Taken

MB, GB = 1e6, 1e9
NARROW = 100  # letters; below it the columns stand closer together


def print_plan(plan: SuitePlan) -> None:
    """Print `plan`: what success, association and decoding can show, and what is left out."""
    screen = console()
    whole = plan.overall
    screen.print(
        f"{plan.suite}: {counted(whole.prompts, 'prompt')} x {counted(plan.seeds, 'seed')} = "
        f"{counted(plan.images, 'image')}; {counted(whole.compositions, 'composition')}, "
        f"{counted(whole.pairs, 'pair')} of values"
    )
    screen.print(
        f"Assumed: two images of a prompt correlate by {plan.repeatability:g}, and pairs differ by "
        f"{plan.spread:g} in log odds of success"
    )
    _print_success(screen, plan)
    _print_association(screen, plan)
    _print_slots(screen, plan)
    if plan.taken is not None:
        screen.print()
        screen.print(styled("Time and disk", "bold"))
        for sentence in taken_sentences(plan.taken):
            screen.print(sentence)
    if plan.missing:
        screen.print()
        screen.print(styled("Not to be had from this audit", "bold"))
    for name, reason in plan.missing.items():
        screen.print(f"{name}: {reason}")


def _print_success(screen: Console, plan: SuitePlan) -> None:
    rates = [f"{each.rate:g}" for each in plan.overall.rates]
    whole = _groups_of(plan, whole=True)
    screen.print()
    screen.print(styled("Success: half-width of the 95% interval, in percentage points", "bold"))
    headings = ["group", "prompts", "pairs", *(f"at {rate}" for rate in rates), "least drop"]
    rows = [_row("all prompts", plan.overall)]
    rows += [_row(label, group) for label, group in _groups_of(plan, whole=False)]
    screen.print(make_table(headings, rows, gap=1 if screen.width < NARROW else 2))
    middle = rates[len(rates) // 2]
    print_legend(
        screen,
        f"at {rates[0]}: where {rates[0]} of the images are right; for these same pairs of values, "
        "then for pairs in general (- where there are too few pairs)",
        f"least drop: a second model that is worse than one at {middle} by so much is told from it "
        f"with probability {plan.power:g}, on these same pairs",
        *([f"as all prompts: {', '.join(label for label, _ in whole)}"] if whole else []),
    )


def _groups_of(plan: SuitePlan, *, whole: bool) -> list[tuple[str, GroupPlan]]:
    """The groups that hold every prompt, or all others, each with a label."""
    parts = ("split", plan.by_split), ("type", plan.by_type), ("slot", plan.by_slot)
    return [
        (f"{kind} {name}", group)
        for kind, groups in parts
        for name, group in groups.items()
        if (group.prompts == plan.overall.prompts) == whole
    ]


def _row(label: str, group: GroupPlan) -> list[str]:
    middle = group.rates[len(group.rates) // 2]
    return [
        label,
        f"{group.prompts:,}",
        f"{group.pairs:,}",
        *(f"{_points(r.half_width)} / {_points(r.half_width_in_general)}" for r in group.rates),
        _points(middle.smallest_drop),
    ]


def _print_association(screen: Console, plan: SuitePlan) -> None:
    if not plan.association:
        return
    screen.print()
    screen.print(
        styled(
            "Low decodability goes with failure: the smallest AUROC that is found with "
            f"probability {plan.power:g}",
            "bold",
        )
    )
    rows = [
        [f"{each.rate:g}", _area(each.smallest_auroc), _area(each.smallest_auroc_in_general)]
        for each in plan.association
    ]
    screen.print(make_table(["success", "these pairs", "pairs in general"], rows))
    if any("-" in row for row in rows):
        print_legend(screen, "-: none is, as too few compositions fail or there are too few pairs")


def _print_slots(screen: Console, plan: SuitePlan) -> None:
    if not plan.slots:
        return
    screen.print()
    screen.print(styled("Slots that can be decoded", "bold"))
    rows: Iterable[list[str]] = (
        [
            slot,
            f"{each.prompts:,}",
            f"{each.values:,}",
            "yes" if each.is_decodable else f"no: {each.reason}",
        ]
        for slot, each in plan.slots.items()
    )
    screen.print(make_table(["slot", "prompts", "values", "decodable"], rows))


def taken_sentences(taken: Taken) -> Iterator[str]:
    """What an audit takes, by another run, and how that one made its images."""
    yield (
        f"as {taken.like} took for {taken.model}, whose images have {taken.height} x {taken.width} "
        f"pixels and {counted(taken.steps, 'step')}:"
    )
    yield (
        f"disk: about {_amount(sum(taken.bytes.values()))} "
        f"({', '.join(f'{_amount(own)} of {kind}' for kind, own in taken.bytes.items())}), "
        f"by the files of its {counted(taken.like_images, 'image')}"
    )
    if taken.seconds is None or taken.seconds_per_image is None:
        yield "time: it did not record how long an image takes"
        return
    yield (
        f"time: {duration(taken.seconds)} of sampling for one process on {taken.device}, at "
        f"{taken.seconds_per_image:.3g} s for each of its {counted(taken.timed_images, 'image')}; "
        "judging and probing are not in this"
    )


def _amount(size: int) -> str:
    return f"{size / GB:,.1f} GB" if size >= GB else f"{max(size / MB, 0.1):,.1f} MB"


def _points(share: float) -> str:
    return "-" if math.isnan(share) else f"{100 * share:.1f}"


def _area(area: float) -> str:
    return "-" if math.isnan(area) else f"{area:.2f}"
