"""Use on the pages of runs, comparisons and boards, in a real browser."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from t2i_audit.report.comparison import print_comparison
from t2i_audit.report.html.board.names import groups_of
from t2i_audit.report.html.board.table import group_table
from t2i_audit.report.html.comparison.page import comparison_page
from t2i_audit.report.html.page import render_page
from t2i_audit.report.html.run.use import use_section
from t2i_audit.report.html.run.verdicts import verdicts_section
from t2i_audit.results.comparison import PairedRate
from t2i_audit.results.interval import Interval, undefined
from t2i_audit.results.summary import read_summary
from tests.browser import browsing, quiet_tab, serious_violations, wait_until
from tests.report.html.made_board import made_board, made_comparison
from tests.report.made_use import made_use

SUMMARY = Path(__file__).parents[1] / "summaries" / "patchy.json"
HOSTILE = "</script><script>alert(1)</script><img src=https://example.org/x onerror=alert(2)>"
DRAWN = """[...document.querySelectorAll('[data-chart]')].every(
    (place) => place.dataset.drawn || place.closest('details:not([open])'))"""


@browsing
def test_use_and_culprits_are_drawn_without_a_serious_fault(browser: Any, tmp_path: Path) -> None:
    use = made_use()
    first = replace(use.slots[0], slot=HOSTILE, reason=HOSTILE)
    found = replace(use, slots=(first, *use.slots[1:]), notes=(HOSTILE,))
    sections = [verdicts_section(read_summary(SUMMARY), found), use_section(found)]
    page = tmp_path / "page.html"
    page.write_text(render_page("page", sections), encoding="utf-8")

    with quiet_tab(browser, viewport={"width": 390, "height": 800}) as tab:
        tab.goto(page.as_uri())
        wait_until(tab, DRAWN)

        assert serious_violations(tab) == []
        # Shares and changes at the text and at the block, and the need for context.
        assert tab.locator("#use [data-chart]").count() == 5
        assert "3,200 images drawn anew" in tab.locator("#use").inner_text()
        blamed = tab.locator("#verdicts table").first.inner_text()
        assert "denoiser ignores it" in blamed and "text encoder" in blamed


def test_the_table_says_what_the_chart_shows() -> None:
    use = made_use()
    shares, changes, *_ = use_section(use).charts
    values = shares.spec["data"]["values"]
    colour = use.slots[0]

    assert [each["estimate"] for each in values[:3]] == [
        colour.unchanged.estimate, colour.random.estimate, colour.erased.estimate,
    ]  # fmt: skip
    assert len(values) == 12 and len(shares.table.rows) == 4
    assert [row[1] for row in changes.table.rows] == ["use", "followed"] * 4
    assert changes.table.rows[0][4:] == ("used", colour.reason)


def test_what_was_not_steered_has_no_dot() -> None:
    use = made_use()
    slot = replace(use.slots[0], steered=None, unsteered=None, followed=None)
    _, changes = use_section(replace(use, slots=(slot,), context=())).charts

    assert [row[1] for row in changes.table.rows] == ["use"]


def test_without_it_the_page_says_how_to_measure_use() -> None:
    assert "t2i-audit use" in use_section(None).context["sentences"][0]


def test_an_undefined_use_is_shown_as_such() -> None:
    use = made_use()
    nothing = undefined()
    slot = replace(use.slots[0], erased=nothing, random=nothing, use=nothing, followed=nothing)
    _, changes = use_section(replace(use, slots=(slot,))).charts[:2]

    assert changes.table.rows[0][2] == "undefined"


def test_a_use_of_few_compositions_has_no_ends() -> None:
    use = made_use()
    bare = Interval(0.5, float("nan"), float("nan"), 2)
    _, changes = use_section(replace(use, slots=(replace(use.slots[0], use=bare),))).charts[:2]

    assert changes.table.rows[0][2] == "+50"


COMPARED = {
    "relation": PairedRate(
        Interval(0.02, -0.02, 0.06, 200),
        Interval(0.4, 0.3, 0.5, 200),
        Interval(0.38, 0.28, 0.48, 200),
    )
}


@browsing
def test_use_in_two_runs_stands_on_their_page(browser: Any, tmp_path: Path) -> None:
    comparison = replace(made_comparison(tmp_path, ["one", "two"]), use=COMPARED)
    page = tmp_path / "comparison.html"
    page.write_text(comparison_page(comparison, root=tmp_path, most_bytes=20_000_000), "utf-8")

    with quiet_tab(browser) as tab:
        tab.goto(page.as_uri())
        wait_until(tab, DRAWN)
        tab.locator("#use summary").click()

        assert serious_violations(tab) == []
        assert "+38.0 [+28.0, +48.0]" in tab.locator("#use table").inner_text()


def test_use_in_two_runs_is_printed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    comparison = made_comparison(tmp_path, ["one", "two"])
    print_comparison(replace(comparison, use=COMPARED))
    lines = capsys.readouterr().out.splitlines()
    print_comparison(comparison)

    assert "+38.0" in lines[lines.index("Use") + 2]
    assert "Use" not in capsys.readouterr().out.splitlines()


def test_a_board_shows_the_use_and_the_culprit_of_each_slot(tmp_path: Path) -> None:
    board = made_board([0.5, 0.7])
    use = Interval(0.4, 0.3, 0.5, 200)
    first = replace(
        board.rows[0],
        use_by_slot={"relation": use},
        use_verdict={"relation": "used"},
        use_culprit={"relation": "denoiser fails to draw it"},
    )
    (group,) = groups_of(replace(board, rows=(first, board.rows[1])), tmp_path)
    table = group_table(group)
    headings = [column.heading for column in table.columns]
    shown = dict(zip(headings, (cell.text for cell in table.rows[0]), strict=True))

    assert shown["relation use"] == "0.40 [0.30, 0.50]"
    assert shown["relation culprit"] == "denoiser fails to draw it"
