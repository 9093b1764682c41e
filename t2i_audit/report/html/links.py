"""Links from a page to the pages of runs."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import quote

from t2i_audit import storage
from t2i_audit.addresses import as_given

PAGE = "report.html"  # in a run directory


def report_link(run: str, root: Path) -> str | None:
    """The address of the page of the run in the directory `run`, relative to the folder `root`.

    None where the run has no page, or where one of the two is in a store that the other is not in.
    A browser follows ``..`` by name, so links in the paths are left as they are.
    """
    page = os.path.join(os.path.abspath(storage.opened(run)), PAGE)
    if "\0" in run or not os.path.isfile(page):
        return None
    folder = os.path.abspath(root)
    # What users call them: both begin with the same bucket, or neither is in a store.
    named_page, named_folder = as_given(page), as_given(folder)
    if _store(named_page) != _store(named_folder):
        return None
    return quote(os.path.relpath(named_page, named_folder).replace(os.sep, "/"))


def _store(place: str) -> str:
    """Protocol and bucket of a URL; empty for a path."""
    protocol, found, rest = place.partition("://")
    return f"{protocol}://{rest.partition('/')[0]}" if found else ""
