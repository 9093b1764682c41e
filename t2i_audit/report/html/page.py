"""One self-contained page: style, scripts, data and images are inside it.

The content security policy forbids every request: images come from ``data:`` addresses, and only
the page's own style and scripts run, which it knows by their hashes. Every text goes through
Jinja2's escaping, and all data lies in JSON that no browser runs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from t2i_audit.report.html.chart import Chart, chart_data, vega_script
from t2i_audit.web import page_asset, page_environment, policy_hash

PACKAGE = "t2i_audit.report.html"
TEMPLATES = "templates"


@dataclass(frozen=True)
class Section:
    """A part of a page with its own template."""

    id: str
    """Unique in the page; a link may point to it."""
    heading: str
    template: str
    """A file in ``templates/``; it gets `context`, and `macros.html` draws tables and charts."""
    context: Mapping[str, Any] = field(default_factory=dict)
    charts: tuple[Chart, ...] = ()
    """In the order of the template: ``charts[0]`` is the first."""
    data: Any = None
    """For the section's script, which reads it from the element ``data-ID``; in JSON's own types.
    None for none."""
    script: str = ""
    """A file in ``templates/`` with the section's own script; empty for none."""


def render_page(title: str, sections: Sequence[Section]) -> str:
    """The page with its `sections`, in their order."""
    environment = page_environment(PACKAGE, TEMPLATES)
    charts = {chart.id: chart for section in sections for chart in section.charts}
    own = dict.fromkeys(section.script for section in sections if section.script)
    scripts = [_asset(name) for name in own]
    if charts:
        scripts = [vega_script(), _asset("charts.js"), *scripts]
    style = _asset("page.css")
    return environment.get_template("page.html").render(
        title=title,
        sections=sections,
        chart_data=chart_data(charts),
        style=style,
        scripts=scripts,
        style_hash=policy_hash(style),
        script_hashes=" ".join(map(policy_hash, scripts)) or "'none'",
    )


def _asset(name: str) -> str:
    return page_asset(PACKAGE, TEMPLATES, name)
