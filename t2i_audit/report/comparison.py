"""A comparison of two runs, and its plan, on the terminal."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from t2i_audit.analysis.paired import points
from t2i_audit.printable import counted
from t2i_audit.report.styles import plain_words, print_legend, styled
from t2i_audit.report.tables import console, make_table

if TYPE_CHECKING:
    from rich.console import Console

    from t2i_audit.results.comparison import (
        Comparison,
        ComparisonPlan,
        Outcome,
        PairedRate,
        SmallestDifference,
    )

STYLES: dict[Outcome, str] = {"better": "green", "worse": "red", "not told apart": "yellow"}
SHOWN = 3  # flipped images of each direction
ALL = "all images"


def print_comparison(found: Comparison) -> None:
    """Print `found`: the outcome, each part of success, flips, decodability and power."""
    screen = console()
    screen.print(f"Base:      {found.base} ({found.base_model})", soft_wrap=True)
    screen.print(f"Candidate: {found.candidate} ({found.candidate_model})", soft_wrap=True)
    screen.print(
        f"{found.suite}, {_size(found.n_prompts, found.n_seeds)}, judged by {found.judge}; "
        f"images began from {'the same' if found.same_noise else 'other'} noise"
    )
    screen.print()
    screen.print(styled(found.sentence, STYLES[found.outcome]))
    _print_success(screen, found)
    _print_flips(screen, found)
    _print_decodability(screen, found)
    _print_use(screen, found)
    _print_seen(screen, found.seen)
    for note in found.notes:
        screen.print(f"Note: {note}")


def print_comparison_plan(plan: ComparisonPlan) -> None:
    """Print `plan`: which differences a candidate's run would show."""
    screen = console()
    screen.print(f"Base: {plan.base} ({plan.model})", soft_wrap=True)
    screen.print(
        f"{plan.suite}, {_size(plan.n_prompts, plan.n_seeds)}, judged by {plan.judge}; success "
        f"{plan.success}"
    )
    screen.print(
        f"Assumed: a candidate about as good, whose success rates of the prompts correlate by "
        f"{plan.correlation:g} with the base's"
    )
    _print_seen(screen, plan.seen)
    for note in plan.notes:
        screen.print(f"Note: {note}")


def _size(prompts: int, seeds: int) -> str:
    return f"{counted(prompts, 'prompt')} x {counted(seeds, 'seed')}"


def _print_success(screen: Console, found: Comparison) -> None:
    groups = {"slot": found.by_slot, "type": found.by_type, "split": found.by_split}
    rows = [_row(ALL, found.overall)]
    for kind, rates in groups.items():
        if kind == "slot" or len(rates) > 1:
            rows += [_row(f"{kind} {name}", rate) for name, rate in rates.items()]
    screen.print()
    screen.print(styled("Success", "bold"))
    screen.print(make_table(["", "images", *HEADINGS], rows))
    lines = [
        "difference: candidate less base in percentage points, paired over prompts, with its 95% "
        "interval",
        "p: of no difference; for slots, types and splits by Holm's correction over all of them, "
        "while their intervals stand each for itself",
    ]
    general = found.in_general
    if not math.isnan(general.lower):
        lines.append(f"for pairs of values in general: {points(general)}")
    print_legend(screen, *lines)


HEADINGS = ("base", "candidate", "difference", "p")


def _row(label: str, rate: PairedRate) -> list[str]:
    p_value = rate.p_value if math.isnan(rate.p_holm) else rate.p_holm
    return [
        label,
        f"{rate.difference.n:,}",
        str(rate.base),
        str(rate.candidate),
        points(rate.difference),
        _p(p_value),
    ]


def _p(value: float) -> str:
    return "" if math.isnan(value) else "< .001" if value < 0.001 else f"{value:.3f}".lstrip("0")


def _print_flips(screen: Console, found: Comparison) -> None:
    flips = found.flips
    test = "McNemar's exact test" if found.n_seeds == 1 else "sign test"
    p_value = f" ({test}: p {_equals(flips.p_value)})" if flips.better + flips.worse else ""
    screen.print()
    screen.print(
        f"Prompts with more images right: {flips.better:,} in the candidate, {flips.worse:,} in "
        f"the base, {flips.same:,} with as many in both{p_value}"
    )
    for became_right in (False, True):
        images = [each for each in found.flipped if each.became_right == became_right]
        if not images:
            continue
        what = "right" if became_right else "wrong"
        some = f", of which the first {SHOWN}" if len(images) > SHOWN else ""
        screen.print(f"{counted(len(images), 'image')} became {what}{some}:")
        for each in images[:SHOWN]:
            screen.print(f"  {each.prompt_id}, seed {each.seed}: {each.prompt}", soft_wrap=True)
            screen.print(f"    {found.base}/{each.base_image}", soft_wrap=True)
            screen.print(f"    {found.candidate}/{each.candidate_image}", soft_wrap=True)


def _equals(value: float) -> str:
    shown = _p(value)
    return shown if shown.startswith("<") else f"= {shown}"


def _print_decodability(screen: Console, found: Comparison) -> None:
    if not found.decodability:
        return
    rows = list(_decodability_rows(found.decodability, found.slot_decodability))
    screen.print()
    screen.print(styled("Decodability", "bold"))
    screen.print(make_table(["station", "slot", "prompts", *HEADINGS], rows))
    print_legend(
        screen,
        "mean over prompts of the probability that the probes give the true value, of the weakest "
        "slot and of each; differences in points",
        "intervals are over prompts, with the probes as they were fitted, and none where both runs "
        "read the same states; p by Holm's correction over all slots",
    )


def _print_use(screen: Console, found: Comparison) -> None:
    if not found.use:
        return
    rows = [_row(slot, rate)[:-1] for slot, rate in found.use.items()]
    screen.print()
    screen.print(styled("Use", "bold"))
    screen.print(make_table(["slot", "images", *HEADINGS[:-1]], rows))
    print_legend(
        screen,
        "images in which the slot is right with a random subspace erased from what the denoiser is "
        "given, less those with the slot erased; differences in points",
    )


def _decodability_rows(
    stations: Mapping[str, PairedRate], slots: Mapping[str, Mapping[str, PairedRate]]
) -> Iterator[list[str]]:
    for station, weakest in stations.items():
        yield [plain_words(station), *_row("weakest", weakest)]
        for slot, rate in slots[station].items():
            yield ["", *_row(slot, rate)]


def _print_seen(screen: Console, seen: Sequence[SmallestDifference]) -> None:
    rows = [
        [
            f"{each.points:g} point{'' if each.points == 1 else 's'}",
            f"{100 * each.power:.0f}%",
            _count(each.prompts),
            _count(each.seeds),
        ]
        for each in seen
    ]
    screen.print()
    screen.print(styled("Differences that are seen", "bold"))
    screen.print(make_table(["difference", "seen", "prompts for 80%", "seeds for 80%"], rows))
    print_legend(
        screen,
        "seen: how often runs as large as these tell such a difference from none",
        "prompts, seeds: as many would tell it in 80 of 100 cases, with as many seeds or prompts "
        "as here; -: none would, or one seed cannot tell",
    )


def _count(number: int | None) -> str:
    return "-" if number is None else f"{number:,}"
