"""The table of use of the built-in checkpoints, and the suites drawn for it."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from scripts.measured_use.figure import draw_use
from scripts.measured_use.suites import Named, drawn_suites
from scripts.measured_use.table import Tables, lines, page_with
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
    text = "\n".join(lines(Tables.of({"misbinding": made_use()}, named)))
    whole = page_with(page, text)

    assert whole.startswith("a\n") and whole.endswith("b\n") and "old" not in whole
    assert sum(line.startswith("| `misbinding` |") for line in whole.splitlines()) == 5
    assert (
        "| 19 of 20 | 120 | 480 | 0.95 [" in whole
        and "| 17 of 20 |" in whole
        and "| relation 1 |" in whole
    )
    empty = tmp_path / "empty.md"
    empty.write_text("")
    with pytest.raises(ValueError, match="no place for the tables"):
        page_with(empty, text)


def test_rows_of_other_checkpoints_stay(tmp_path: Path) -> None:
    page = tmp_path / "results.md"
    page.write_text("<!-- begin use table -->\n<!-- end use table -->\n")
    named = Named("misbinding", 20, 60, 120, 19, 17, 0, {"relation": 0})
    both = Tables.of({"misbinding": made_use(), "early": made_use()}, [named])
    page.write_text(page_with(page, "\n".join(lines(both))))

    again = Tables.of({"sound": made_use()}, [replace(named, model="sound", right=20)])
    joined = again.beside(Tables.read(page), ("misbinding", "sound", "early"))

    assert Tables.read(page) == both
    assert list(joined.use) == ["misbinding", "sound", "early"]
    assert joined.use["misbinding"] == both.use["misbinding"]
    assert [rows[0][1] for rows in joined.named.values()] == ["19 of 20", "20 of 20"]


def test_the_figure_shows_what_the_table_says(tmp_path: Path) -> None:
    rows = Tables.of({"misbinding": made_use(), "sound": made_use()}, []).use
    draw_use(rows, tmp_path / "use.png")
    draw_use({**rows, "sound": rows["sound"][:2]}, tmp_path / "fewer.png")

    drawn, fewer = ((tmp_path / name).read_bytes() for name in ("use.png", "fewer.png"))
    assert drawn.startswith(b"\x89PNG") and drawn != fewer
