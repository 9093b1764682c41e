"""A chart of a report, with the table that says the same."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any


@dataclass(frozen=True)
class Table:
    """A table of a report; every cell is shown as text."""

    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numeric: frozenset[int] = frozenset()
    """Columns that hold numbers, by their place, which are aligned to the right."""


@dataclass(frozen=True)
class Chart:
    """A Vega-Lite chart.

    Build the specification with Altair and give its ``to_dict()``. Colours come from the page,
    light or dark: a category is told apart by its shape, its dashes or a label as well as by its
    colour.
    """

    id: str
    """Unique in the page; made of letters, digits and hyphens."""
    caption: str
    """What the chart shows and how to read it, in sentences."""
    alt: str
    """What it shows, for those who cannot see it; the figures are in `table`."""
    spec: Mapping[str, Any]
    """A Vega-Lite specification with its data in it and no address."""
    table: Table


@cache
def vega_script() -> str:
    """Vega-Lite with all it needs, as a script that defines ``window.vegaEmbed``."""
    from vl_convert import javascript_bundle

    return str(javascript_bundle("window.vegaEmbed = vegaEmbed;"))


def chart_data(charts: Mapping[str, Chart]) -> dict[str, Mapping[str, Any]]:
    """The specifications by the charts' ids, in JSON's own types."""
    # Vega reads a specification's description to those who cannot see the chart.
    return {
        name: json.loads(json.dumps({**chart.spec, "description": chart.alt}))
        for name, chart in charts.items()
    }
