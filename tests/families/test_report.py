"""The page of families in the docs is what the script finds."""

from __future__ import annotations

from typing import Any

from scripts.report_families import PAGE, page_of, rows_of_all
from tests.families.checkpoints import FAMILIES
from tests.families.conftest import present


def test_the_page_of_families_is_what_is_found(family_model: Any) -> None:
    """Run `python scripts/report_families.py` if it fails, and look at what has changed."""
    names = [name for name in FAMILIES if present(name)]
    rows = rows_of_all(family_model, names)
    committed = PAGE.read_text()

    if len(names) == len(FAMILIES):
        assert committed == page_of(rows)
    for row in rows:
        assert f"| {' | '.join(row)} |" in committed
