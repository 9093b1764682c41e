"""What the denoiser uses, and who is to blame slot by slot: on the terminal, and in sentences."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from t2i_audit.analysis.culprit import FEW_FAILURES
from t2i_audit.printable import counted, listed, printable
from t2i_audit.report.styles import print_legend, styled
from t2i_audit.report.tables import console, make_table
from t2i_audit.results.attribution import Culprit
from t2i_audit.results.interval import Interval
from t2i_audit.results.use import (
    TEXT,
    SlotCulprit,
    SlotUse,
    Use,
    UseCulprit,
    UseVerdict,
)

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

STYLES: dict[UseVerdict, str] = {"used": "green", "not used": "red", "unclear": "yellow"}
NAMES: dict[UseCulprit | Culprit, str] = {
    "encoder": "text encoder",
    "not told from chance": "denoiser or chance",
    "none": "nobody",
    "few failures": "nobody",
}
SAID: dict[UseCulprit, str] = {
    "encoder": "the text encoder has lost {}",
    "denoiser ignores it": "the denoiser ignores {}",
    "VAE loses it": "the VAE loses {}",
    "denoiser fails to draw it": "the denoiser uses, but fails to draw, {}",
    "chance": "chance spoils {}",
    "unclear": "who spoils {} is unclear",
}
LEGEND = (
    "right, erased, control: share of the images in which the slot is right: unchanged, with the "
    "slot erased from what the denoiser is given, and with a random subspace of the same rank",
    "use: control less erased, of the same prompts and noise; followed: images that show another "
    "value once it is put in the slot's place, less those that show it anyway; 95% intervals",
)
MOST_LINES = 4


def use_sentence(use: Use) -> str:
    """Who is to blame by intervention; empty where no slot was judged."""
    if not use.culprits:
        return ""
    named = [each for each in use.culprits if each.culprit != "none"]
    if not named:
        return (
            "By intervention nobody is to blame: every slot is wrong in "
            f"{FEW_FAILURES:.0%} of the images or fewer."
        )
    parts = [
        said.format(listed([_with_values(each) for each in named if each.culprit == culprit]))
        for culprit, said in SAID.items()
        if any(each.culprit == culprit for each in named)
    ]
    return f"By intervention: {'; '.join(parts)}."


def disagreement_lines(use: Use) -> Iterator[str]:
    """A line for each slot for which the rule without interventions names somebody else."""
    for each in use.culprits:
        if each.agrees is False:
            yield (
                f"{each.slot}: without interventions the culprit would be "
                f"{culprit_name(each.by_correlation)}, by intervention it is "
                f"{culprit_name(each.culprit)}"
            )


def culprit_name(culprit: UseCulprit | Culprit) -> str:
    """In plain words, e.g. ``text encoder``."""
    return NAMES.get(culprit, culprit)


def print_use(use: Use, *, to: Console | None = None) -> None:
    """Print all of `use`, as `t2i-audit use` does; on stdout where `to` is None."""
    screen = console() if to is None else to
    screen.print(f"{use.model} on {use.suite}, judged by {use.judge}")
    screen.print(size_line(use))
    screen.print()
    screen.print(styled(use_sentence(use), "bold"))
    print_use_part(screen, use)
    for note in use.notes:
        screen.print(printable(f"Note: {note}"))


def size_line(use: Use) -> str:
    """How much was drawn, e.g. ``200 prompts, 1 seed, 3,200 images drawn anew``."""
    prompts, seeds = counted(use.n_prompts, "prompt"), counted(use.n_seeds, "seed")
    return f"{prompts}, {seeds}, {counted(use.n_images, 'image')} drawn anew"


def print_use_part(screen: Console, use: Use) -> None:
    """Print the tables of `use` and the lines beneath them, as a part of a summary."""
    for site in dict.fromkeys(each.site for each in use.slots):
        own = [each for each in use.slots if each.site == site]
        screen.print()
        screen.print(styled(f"What the denoiser uses of {site_name(site)}", "bold"))
        screen.print(make_table(_headings(own), [_cells(each) for each in own], gap=1))
        if site == TEXT:
            print_legend(screen, *LEGEND)
        for line in (*unclear_lines(own), *selectivity_lines(own)):
            screen.print(printable(line))
    if use.context:
        screen.print()
        screen.print(styled("What of success needs the encoder's context", "bold"))
        rows = [
            (each.slot, f"{each.unchanged.n:,}", *map(str, (each.unchanged, each.alone, each.need)))
            for each in use.context
        ]
        screen.print(make_table(("slot", "images", "right", "words alone", "need"), rows, gap=1))
        print_legend(screen, "words alone: the same where every word was encoded by itself")
    if use.culprits:
        screen.print()
        screen.print(styled("Who is to blame, slot by slot", "bold"))
        screen.print(make_table(CULPRIT_HEADINGS, map(_culprit_cells, use.culprits), gap=1))
        for each in use.culprits:
            if each.culprit == "unclear":
                screen.print(printable(f"{each.slot}: {each.reason}"))
        for line in disagreement_lines(use):
            screen.print(printable(line))


def site_name(site: str) -> str:
    """In words, e.g. ``what it is given``."""
    return "what it is given" if site == TEXT else f"what it holds at {site}"


def unclear_lines(slots: Iterable[SlotUse]) -> Iterator[str]:
    """Why a slot's use is unclear."""
    for each in slots:
        if each.verdict == "unclear":
            yield f"{each.slot} is unclear: {each.reason}"


def selectivity_lines(slots: Iterable[SlotUse]) -> Iterator[str]:
    """Which other slots surely lose with the one that is erased, the largest losses first."""
    lost = [
        (other, each.slot, drop)
        for each in slots
        for other, drop in each.others.items()
        if drop.lower > 0
    ]
    lost.sort(key=lambda found: -found[2].estimate)
    for other, slot, drop in lost[:MOST_LINES]:
        yield f"Erasing {slot} takes {drop} of {other} as well"
    if len(lost) > MOST_LINES:
        yield f"and {counted(len(lost) - MOST_LINES, 'other slot')} less than that"


CULPRIT_HEADINGS = ("slot", "images", "wrong", "by intervention", "without it", "values")


def _culprit_cells(each: SlotCulprit) -> list[str]:
    return [
        each.slot,
        f"{each.failure_rate.n:,}",
        str(each.failure_rate),
        culprit_name(each.culprit),
        culprit_name(each.by_correlation),
        ", ".join(each.values),
    ]


def _headings(slots: Iterable[SlotUse]) -> list[str]:
    steered = ["followed"] if any(each.followed for each in slots) else []
    return ["slot", "images", "right", "erased", "control", "use", *steered, "verdict"]


def _cells(each: SlotUse) -> list[str | Text]:
    shares = [f"{share.estimate:.2f}" for share in (each.unchanged, each.erased, each.random)]
    followed = [] if each.followed is None else [_change(each.followed)]
    verdict = styled(each.verdict, STYLES[each.verdict])
    return [each.slot, f"{each.use.n:,}", *shares, _change(each.use), *followed, verdict]


def _change(interval: Interval) -> str:
    """A difference, without a minus before zero."""
    return str(interval).replace("-0.00", "0.00")


def _with_values(each: SlotCulprit) -> str:
    if not each.values:
        return each.slot
    return f"{each.slot} (most where {listed(list(each.values), 'or')} is named)"
