"""What every page of a report keeps to, in a real browser."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import altair as alt
import pytest

from t2i_audit.report.html.chart import Chart, Table
from t2i_audit.report.html.page import Section, render_page
from tests.browser import browsing, quiet_tab, serious_violations

HOSTILE = "</script><script>alert(1)</script><img src=https://example.org/x onerror=alert(2)>\u2028"


def chart_of(name: str) -> Chart:
    rows = [{"slot": name, "share": 0.5}, {"slot": "relation", "share": 0.8}]
    spec = (
        alt.Chart(alt.Data(values=rows))
        .mark_bar()
        .encode(x="share:Q", y="slot:N", tooltip=["slot:N"])
        .to_dict()
    )
    table = Table("Shares", ("slot", "share"), ((name, "0.5"), ("relation", "0.8")), frozenset({1}))
    return Chart("shares", f"Shares of {name}.", "Two bars.", spec, table)


def written(folder: Path, name: str) -> Path:
    section = Section("shares", name, "charts.html", charts=(chart_of(name),), data={"name": name})
    path = folder / "page.html"
    path.write_text(render_page(name, [section]), encoding="utf-8")
    return path


@browsing
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_a_page_draws_its_charts_without_a_request_or_a_complaint(
    browser: Any, tmp_path: Path, scheme: str, width: int
) -> None:
    options: dict[str, Any] = {"color_scheme": scheme, "viewport": {"width": width, "height": 800}}
    with quiet_tab(browser, **options) as tab:
        tab.goto(written(tmp_path, "object_1.colour").as_uri())
        tab.locator("[data-drawn] svg").wait_for()

        assert serious_violations(tab) == []
        assert tab.evaluate("document.documentElement.scrollWidth <= innerWidth")


@browsing
def test_hostile_text_is_only_text(browser: Any, tmp_path: Path) -> None:
    with quiet_tab(browser) as tab:
        tab.goto(written(tmp_path, HOSTILE).as_uri())
        tab.locator("[data-drawn] svg").wait_for()

        assert tab.locator("h1").text_content() == HOSTILE
        assert tab.locator("main img").count() == 0
