"""The page of a board, in a real browser."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from t2i_audit.report.html.board import board_page
from t2i_audit.report.html.board.names import groups_of
from t2i_audit.report.html.board.verdict import verdict
from t2i_audit.results.interval import undefined
from t2i_audit.results.leaderboard import Leaderboard
from tests.browser import browsing, quiet_tab, serious_violations, wait_until
from tests.report.html.made_board import HOSTILE, made_board

DRAWN = "document.querySelectorAll('[data-chart]:not([data-drawn])').length === 0"


def written(board: Leaderboard, folder: Path) -> str:
    path = folder / "board.html"
    path.write_text(board_page(board, root=folder), encoding="utf-8")
    return path.as_uri()


def verdict_of(board: Leaderboard, folder: Path) -> str:
    return verdict(groups_of(board, folder)[0])


def test_a_run_that_is_surely_better_than_all_is_named_as_the_best(tmp_path: Path) -> None:
    found = verdict_of(made_board([0.3, 0.9, 0.5]), tmp_path)

    assert found.startswith("model-0 (0.90 [0.87, 0.93]) is surely the best of 3 runs.")
    assert "The next is model-1" in found


def test_runs_that_may_all_be_best_are_named_together(tmp_path: Path) -> None:
    found = verdict_of(made_board([0.3, 0.9, 0.88]), tmp_path)

    assert found.startswith("Which is the best of model-0")
    assert "and model-1 (0.88 [0.85, 0.91]) is not sure." in found
    assert "The other 1 run is surely not the best." in found


def test_runs_of_which_none_is_better_are_no_winners(tmp_path: Path) -> None:
    assert "No run is surely the best" in verdict_of(made_board([0.5, 0.51, 0.52]), tmp_path)


def test_the_same_audit_given_twice_is_no_rival_of_itself(tmp_path: Path) -> None:
    board = made_board([0.9, 0.89])
    twins = tuple(replace(row, identity="same", checkpoint="same") for row in board.rows)

    assert "are the same audit" in verdict_of(replace(board, rows=twins), tmp_path)


def test_without_ranks_the_page_does_not_say_who_is_best(tmp_path: Path) -> None:
    board = made_board([0.9, 0.3])
    rows = tuple(replace(row, rank=None) for row in board.rows)

    assert "is not known" in verdict_of(replace(board, rows=rows), tmp_path)


def test_a_run_that_could_not_be_ranked_is_counted(tmp_path: Path) -> None:
    board = made_board([0.9, 0.5, 0.3])
    rows = (*board.rows[:2], replace(board.rows[2], rank=None))

    found = verdict_of(replace(board, rows=rows), tmp_path)

    assert found.endswith("1 more run could not be ranked.")


@browsing
@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 390)])
def test_a_board_is_drawn_without_a_request_or_a_complaint(
    browser: Any, tmp_path: Path, scheme: str, width: int
) -> None:
    options: dict[str, Any] = {"color_scheme": scheme, "viewport": {"width": width, "height": 800}}
    with quiet_tab(browser, **options) as tab:
        tab.goto(written(made_board([0.9, 0.5, 0.52, 0.2, 0.1, 0.7]), tmp_path))
        wait_until(tab, DRAWN)

        assert serious_violations(tab) == []
        assert tab.evaluate("document.documentElement.scrollWidth <= innerWidth")


@browsing
@pytest.mark.parametrize("n", [1, 2, 60])
def test_a_board_of_any_size_is_drawn(browser: Any, tmp_path: Path, n: int) -> None:
    board = made_board([place / n for place in range(1, n + 1)])
    with quiet_tab(browser) as tab:
        tab.goto(written(board, tmp_path))
        wait_until(tab, DRAWN)

        assert tab.locator("table.sortable tbody tr").count() == n


def test_a_board_of_a_thousand_runs_stays_small_and_says_which_are_drawn(tmp_path: Path) -> None:
    few = made_board([place / 60 for place in range(60)])
    rows = tuple(replace(few.rows[i % 60], run=f"run-{i}", identity=str(i)) for i in range(1000))

    page = board_page(replace(few, rows=rows), root=tmp_path)

    assert len(page) < 6_000_000
    assert "The best 60 of 1,000 are drawn" in page


@browsing
def test_a_heading_sorts_by_keyboard_and_says_how(browser: Any, tmp_path: Path) -> None:
    board = made_board([0.9, 0.5, 0.2])
    rows = (replace(board.rows[0], success=undefined()), *board.rows[1:])
    with quiet_tab(browser) as tab:
        tab.goto(written(replace(board, rows=rows), tmp_path))
        tab.locator("table.sortable").wait_for()
        column = tab.get_by_role("button", name="success", exact=True)
        heading = tab.locator("th", has=column)
        names = tab.locator("table.sortable tbody th")

        column.press("Enter")
        assert heading.get_attribute("aria-sort") == "descending"
        assert names.all_text_contents() == ["model-1", "model-2", "model-0"]

        column.press("Enter")
        assert heading.get_attribute("aria-sort") == "ascending"
        # What is undefined stands last whichever way the others are sorted.
        assert names.all_text_contents() == ["model-2", "model-1", "model-0"]
        assert "Sorted by success, ascending." in tab.locator("[role=status]").text_content()


@browsing
def test_numbers_are_sorted_as_numbers(browser: Any, tmp_path: Path) -> None:
    board = made_board([place / 12 for place in range(12)])
    with quiet_tab(browser) as tab:
        tab.goto(written(board, tmp_path))
        tab.get_by_role("button", name="million parameters").click()

        assert tab.locator("table.sortable tbody th").first.text_content() == "model-11"


@browsing
def test_a_run_with_a_page_is_reached_from_the_table_and_from_its_mark(
    browser: Any, tmp_path: Path
) -> None:
    board = made_board([0.9, 0.5])
    odd = tmp_path / "a: run #1?"
    odd.mkdir()
    (odd / "report.html").write_text("<!doctype html><link rel=icon href=data:,><h1>Its page</h1>")
    rows = (replace(board.rows[0], run=str(odd)), *board.rows[1:])
    with quiet_tab(browser, files=4) as tab:
        page = written(replace(board, rows=rows), tmp_path)
        tab.goto(page)
        assert tab.locator("table.sortable a").count() == 1
        tab.locator("table.sortable a").click()
        assert tab.locator("h1").text_content() == "Its page"

        tab.goto(page)
        wait_until(tab, DRAWN)
        tab.locator("[data-chart=success-1] .mark-symbol path").first.click()
        tab.get_by_text("Its page").wait_for()


@browsing
def test_pairs_say_by_a_sign_who_is_surely_better(browser: Any, tmp_path: Path) -> None:
    with quiet_tab(browser) as tab:
        tab.goto(written(made_board([0.9, 0.5, 0.49]), tmp_path))
        rows = tab.locator("#pairs tbody tr")

        assert rows.nth(0).locator("td").all_text_contents() == ["", "▲ +40.0", "▲ +41.0"]
        assert rows.nth(2).locator("td").all_text_contents() == ["▼ -41.0", "≈ -1.0", ""]


def test_a_board_without_its_pairs_says_where_they_are(tmp_path: Path) -> None:
    page = board_page(replace(made_board([0.9, 0.5]), pairs=()), root=tmp_path)

    assert "Who is surely better than whom" not in page
    assert "t2i-audit leaderboard --pairs" in page


@browsing
def test_hostile_names_are_only_text(browser: Any, tmp_path: Path) -> None:
    board = made_board([0.9, 0.5], name=HOSTILE)
    with quiet_tab(browser) as tab:
        tab.goto(written(replace(board, notes=(HOSTILE,)), tmp_path))
        wait_until(tab, DRAWN)

        assert tab.locator("main img").count() == 0
        assert "<script>alert(1)</script>" in tab.locator("table.sortable").text_content()
