"""How the parts of a summary look; rich leaves the colours out where a terminal has none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from t2i_audit.printable import printable

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

    from t2i_audit.results.decoding import SlotDecoding, Verdict

STYLES: dict[Verdict, str] = {
    "kept": "green",
    "saturated": "yellow",
    "lost": "red",
    "unclear": "yellow",
    "below random weights": "yellow",
    "undefined": "dim",
}


def verdict_cell(decoding: SlotDecoding) -> Text:
    """The verdict of a slot in its colour."""
    return styled(decoding.verdict, STYLES[decoding.verdict])


def print_legend(screen: Console, *lines: str) -> None:
    """Print lines of legend, set off from the table above them."""
    from rich.padding import Padding

    for line in lines:
        screen.print(Padding(styled(line, "dim"), (0, 0, 0, 2), expand=False))


def styled(text: str, style: str) -> Text:
    """`text` in a style that only a terminal with colours shows."""
    from rich.text import Text

    return Text(printable(text), style)


def plain_words(name: str) -> str:
    """E.g. ``text encoder`` of ``text_encoder``."""
    return name.replace("_", " ")
