"""Prompts and their statistics for the terminal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from t2i_audit.printable import printable
from t2i_audit.report.tables import console, make_table

if TYPE_CHECKING:
    from rich.text import Text

    from prompts.analysis.statistics import Statistics
    from prompts.formats.native import Header
    from prompts.splits import Certificate
    from prompts.structure import Prompt

STYLES = ("cyan", "magenta", "green", "yellow", "blue", "red")
FREQUENT = 12  # constituents of each kind that are listed


def print_prompts(prompts: Sequence[Prompt]) -> None:
    """Each prompt with its constituents coloured by kind, its slots and its foils beneath."""
    from rich.padding import Padding

    screen = console()
    kinds = sorted({part.kind for prompt in prompts for part in prompt.constituents})
    styles = {kind: STYLES[index % len(STYLES)] for index, kind in enumerate(kinds)}
    for prompt in prompts:
        screen.print(_coloured(prompt, styles))
        split = f", {prompt.split}" if prompt.split else ""
        kind = printable(f"{prompt.type}{split}")
        screen.print(Padding(kind, (0, 0, 0, 2)), style="dim")
        parts = [
            (part.slot, part.value, prompt.text[part.start : part.end])
            for part in prompt.constituents
        ]
        if parts:
            rows = [
                (slot, value if value == words else f"{value} ({words})")
                for slot, value, words in parts
            ]
            screen.print(Padding(make_table(("slot", "value"), rows), (0, 0, 0, 2)))
        if prompt.foils:
            foils = [(foil.change, foil.text) for foil in prompt.foils]
            screen.print(Padding(make_table(("foil", ""), foils), (0, 0, 0, 2)))
        screen.print()


def _coloured(prompt: Prompt, styles: Mapping[str, str]) -> Text:
    from rich.text import Text

    style_at = [""] * len(prompt.text)
    for part in prompt.constituents:
        length = part.end - part.start
        style_at[part.start : part.end] = [f"bold {styles[part.kind]}"] * length
    # One letter at a time: a control character takes several letters to show.
    return Text.assemble(
        *((printable(letter), style) for letter, style in zip(prompt.text, style_at, strict=True))
    )


def print_statistics(
    statistics: Statistics,
    header: Header | None,
    tokens: Mapping[str, tuple[int, int, int]],
) -> None:
    """Counts of a file; `tokens` are least, median and most tokens by tokenizer."""
    from prompts.analysis.statistics import middle

    screen = console()
    if header is not None and header.source:
        screen.print(
            f"from {header.source}" + (f", seed {header.seed}" if header.seed is not None else "")
        )
    screen.print(
        f"{statistics.prompts:,} prompts, {statistics.text_only:,} of them text only; "
        f"{sum(statistics.changes.values()):,} foils, {statistics.without_foils:,} prompts with "
        "structure have none"
    )
    for title, counts in (
        ("prompt type", statistics.types),
        ("split", statistics.splits),
        ("foil", statistics.changes),
        ("constituents", statistics.sizes),
    ):
        rows = [(str(name), f"{count:,}") for name, count in sorted(counts.items())]
        if rows:
            screen.print()
            screen.print(make_table((title, "prompts"), rows))
    screen.print()
    screen.print(make_table(("kind", "values", "prompts by value"), _kinds(statistics)))
    lengths = {"words": middle(statistics.words), **tokens}
    screen.print()
    screen.print(
        make_table(
            ("length in", "least", "median", "most"),
            [(name, *(str(figure) for figure in ends)) for name, ends in lengths.items()],
        )
    )
    screen.print()
    screen.print(f"{statistics.compositions:,} different pairs are bound")
    if header is not None and header.certificate is not None:
        screen.print(_certificate(header.certificate))


def _kinds(statistics: Statistics) -> Iterable[tuple[str, str, str]]:
    kinds: dict[str, list[tuple[int, str]]] = {}
    for key, count in statistics.constituents.items():
        kind, value = key.split(":", 1)
        kinds.setdefault(kind, []).append((count, value))
    for kind, values in sorted(kinds.items()):
        frequent = sorted(values, key=lambda each: (-each[0], each[1]))
        listed = ", ".join(f"{value} {count:,}" for count, value in frequent[:FREQUENT])
        more = f" ... {frequent[-1][1]} {frequent[-1][0]:,}" if len(frequent) > FREQUENT else ""
        yield kind, str(len(values)), listed + more


def _certificate(certificate: Certificate) -> str:
    held = [(out / (seen + out), name) for name, (seen, out) in certificate.constituents.items()]
    low, high = min(held), max(held)
    return (
        f"certificate: {len(certificate.withheld):,} of {certificate.compositions:,} compositions "
        f"of {certificate.order} withheld ({certificate.fraction:g} asked for), "
        f"{certificate.seen_prompts:,} prompts seen and {certificate.held_out_prompts:,} held "
        f"out; a constituent's held-out share is {low[0]:.2f} ({low[1]}) to {high[0]:.2f} "
        f"({high[1]}); compositional: {_yes(certificate.is_compositional)}, connected: "
        f"{_yes(certificate.is_connected)} ({certificate.components} groups), leaks: "
        f"{certificate.leaks}"
    )


def _yes(value: bool) -> str:
    return "yes" if value else "no"
