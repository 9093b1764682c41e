"""Links from a page to the pages of runs."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import quote

PAGE = "report.html"  # in a run directory


def report_link(run: str, root: Path) -> str | None:
    """The address of the page of the run in the directory `run`, relative to the folder `root`.

    None where the run has no page. A browser follows ``..`` by name, so links in the paths are
    left as they are.
    """
    page = os.path.join(os.path.abspath(run), PAGE)
    if "\0" in run or not os.path.isfile(page):
        return None
    return quote(os.path.relpath(page, os.path.abspath(root)).replace(os.sep, "/"))
