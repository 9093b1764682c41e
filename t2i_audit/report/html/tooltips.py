"""What is said of the marks of a chart when the pointer is on them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import altair as alt


class HasTooltip(Protocol):
    """A mark of which something is said."""

    @property
    def tooltip(self) -> Mapping[str, str]:
        """By headings, which are the same for all marks of a chart."""


def text_fields(texts: Mapping[str, str]) -> dict[str, str]:
    """The `texts` as fields of a mark's data, with names in which Vega-Lite reads no path."""
    return {f"text_{number}": text for number, text in enumerate(texts.values())}


def text_tooltip(marks: Sequence[HasTooltip]) -> list[alt.Tooltip]:
    """The tooltip of marks whose data have `text_fields`."""
    import altair as alt

    headings = list(marks[0].tooltip) if marks else []
    return [
        alt.Tooltip(f"text_{number}:N", title=heading) for number, heading in enumerate(headings)
    ]
