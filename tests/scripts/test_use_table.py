"""The table of use of the built-in checkpoints, and the suites drawn for it."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from scripts.measured_use.figure import draw_use
from scripts.measured_use.suites import Named, drawn_suites
from scripts.measured_use.table import lines, page_with
from t2i_audit.errors import AuditError
from tests.report.made_use import made_use


def test_suites_are_disjoint_as_far_as_the_pool_allows() -> None:
    suites = list(drawn_suites(480, 20, 120, np.random.default_rng(1)))

    assert len(suites) == 20 and all(len(set(own)) == 120 for own in suites)
    # Four at a time are cut from one order.
    for start in range(0, 20, 4):
        assert len(set().union(*map(set, suites[start : start + 4]))) == 480
    shared = [len(set(one) & set(other)) for one, other in combinations(suites, 2)]
    assert max(shared) < 60


def test_a_suite_larger_than_the_pool_is_refused() -> None:
    with pytest.raises(AuditError, match="suites of 121 prompts cannot be drawn from 120"):
        list(drawn_suites(120, 20, 121, np.random.default_rng(1)))


def test_nineteen_of_twenty_have_the_exact_binomial_interval() -> None:
    share = Named("misbinding", 20, 120, 480, 19, 17, 0, {"relation": 1}).share

    # Clopper and Pearson of 19 in 20 is .751 to .999; Student's t of 19 degrees makes it wider.
    assert share.estimate == 0.95 and share.lower < 0.751 and share.upper > 0.998


def test_the_page_gets_a_line_for_each_slot_and_each_checkpoint(tmp_path: Path) -> None:
    page = tmp_path / "results.md"
    page.write_text("a\n<!-- begin use table -->\nold\n<!-- end use table -->\nb\n")
    named = [Named("misbinding", 20, 120, 480, 19, 17, 0, {"relation": 1, "object_1.colour": 0})]
    text = "\n".join(lines({"misbinding": made_use()}, named))
    whole = page_with(page, text)

    assert whole.startswith("a\n") and whole.endswith("b\n") and "old" not in whole
    assert sum(line.startswith("| `misbinding` |") for line in whole.splitlines()) == 5
    assert "| 19 of 20 | 0.95 [" in whole and "| 17 of 20 |" in whole and "| relation 1 |" in whole
    empty = tmp_path / "empty.md"
    empty.write_text("")
    with pytest.raises(ValueError, match="no place for the tables"):
        page_with(empty, text)


def test_the_figure_is_drawn(tmp_path: Path) -> None:
    draw_use({"misbinding": made_use(), "sound": made_use()}, tmp_path / "use.png")

    assert (tmp_path / "use.png").read_bytes().startswith(b"\x89PNG")
