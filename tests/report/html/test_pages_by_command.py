"""The pages that `t2i-audit report` writes of real runs lead from one to another."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from t2i_audit.cli.main import main
from tests.browser import browsing, quiet_tab


@browsing
def test_a_board_leads_to_the_page_of_its_run(browser: Any, patchy: Path, tmp_path: Path) -> None:
    moved = shutil.copytree(patchy, tmp_path / "runs" / "patchy")
    board = tmp_path / "board.csv"
    assert main(["leaderboard", str(patchy), str(moved), "-o", str(board)]) == 0
    assert main(["report", str(board)]) == 0

    with quiet_tab(browser, files=2) as tab:
        tab.goto((tmp_path / "board.html").as_uri())
        assert "the same audit of builtin:patchy" in tab.locator("#best").text_content()
        tab.get_by_role("link", name=str(moved), exact=True).click()

        assert tab.locator("h1").text_content().startswith("builtin:patchy on")
        assert tab.url == (moved / "report.html").as_uri()


@browsing
def test_a_run_against_itself_flips_no_image_and_leads_to_its_page(
    browser: Any, patchy: Path, tmp_path: Path
) -> None:
    page = tmp_path / "same.html"
    assert main(["report", str(patchy), str(patchy), "-o", str(page)]) == 0

    with quiet_tab(browser, files=2) as tab:
        tab.goto(page.as_uri())
        assert tab.locator("#flipped").count() == 0
        assert "Not told apart" in tab.locator("#verdict").text_content()
        tab.get_by_role("link", name=str(patchy)).first.click()

        assert tab.url == (patchy / "report.html").as_uri()
