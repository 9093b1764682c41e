"""A picture of a page, for the manual.

Usage: ``python -m scripts.screenshot PAGE.html PICTURE.png [--height PIXELS]``

It needs the packages of the group ``test`` and Debian's Chromium. The picture of the board comes
from the page that ``t2i-audit leaderboard RUN... -o board.csv --html board.html`` writes of the
runs of the built-in generators:

    python -m scripts.screenshot board.html docs/images/board.png --height 1070
"""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Sequence
from pathlib import Path

WIDTH = 1200  # pixels
DRAWN = "document.querySelectorAll('.chart:not([data-drawn])').length === 0"


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="A picture of a page, for the manual.")
    parser.add_argument("page", type=Path)
    parser.add_argument("picture", type=Path)
    parser.add_argument("--height", type=int, default=1000, help="pixels from the top")
    given = parser.parse_args(argv)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        tab = browser.new_page(viewport={"width": WIDTH, "height": given.height})
        tab.goto(given.page.resolve().as_uri())
        tab.wait_for_function(DRAWN)
        tab.screenshot(path=given.picture)
        browser.close()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
