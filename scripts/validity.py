"""Check the audit's figures against simulations of known truth.

    python -m scripts.validity [--only SECTION ...] [--quick] [--check] [--out DIR] [--seed N]

Every cell draws data whose truth is known and passes it through the functions that an audit uses.
The table has each figure beside its goal and beside what `shared/facts/validity.md` measured at
commit b930cec. Finished cells are kept in DIR as JSON, with their seed and the version of the code:
the same command goes on where it stopped, and makes those anew whose code has changed.

The table is written between two comments of the page, and the figure beside it::

    <!-- begin validity table -->
    <!-- end validity table -->
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from scripts.manual import has_part, no_place
from scripts.simulations.cells import measure
from scripts.simulations.keeping import ROOT, code_version
from scripts.simulations.running import cells_of, run
from scripts.simulations.sections import all_cells
from scripts.simulations.table import PART, Row, missed_lines, page_with, table
from t2i_audit.io import write_text
from t2i_audit.reporter import TerminalReporter

PAGE = ROOT / "docs" / "validity.md"
IMAGE = ROOT / "docs" / "images" / "validity.png"
SEED = 15


def main(argv: Sequence[str] | None = None) -> int:
    """Run the cells that are asked for; 1 with `--check` where an unstated goal is missed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    sections = list(dict.fromkeys(cell.section for cell in all_cells().values()))
    parser.add_argument("--only", nargs="+", choices=sections, default=[], metavar="SECTION",
                        help=f"sections to run: {', '.join(sections)}")  # fmt: skip
    parser.add_argument("--quick", action="store_true", help="a tenth of the draws")
    unstated = "exit with 1 where a goal is missed that is not stated as missed"
    parser.add_argument("--check", action="store_true", help=unstated)
    parser.add_argument("--out", type=Path, default=Path("runs/validity"), metavar="DIR")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--page", type=Path, default=PAGE, metavar="FILE.md")
    parser.add_argument("--image", type=Path, default=IMAGE, metavar="FILE.png")
    asked = parser.parse_args(argv)
    # A part of the cells, or few draws of each, is no new state of the page.
    whole = not asked.only and not asked.quick
    if whole and not has_part(asked.page, PART):
        parser.error(no_place(asked.page, PART))
    if asked.processes < 1:
        parser.error(f"--processes should be at least 1, not {asked.processes}")
    cells = cells_of(asked.only, quick=asked.quick)
    found = run(
        cells,
        asked.out,
        seed=asked.seed,
        version=code_version(),
        processes=asked.processes,
        reporter=TerminalReporter(),
    )
    rows = [
        Row(cell, measure(figure, found[cell.key]), len(found[cell.key]))
        for cell in cells
        for figure in cell.figures
    ]
    print("\n".join(table(rows)))
    missed = missed_lines(rows)
    print("\n".join(missed), file=sys.stderr)
    if whole:
        from scripts.simulations.figure import draw_coverage

        write_text(asked.page, page_with(asked.page, rows))
        draw_coverage(rows, asked.image)
    return 1 if asked.check and missed else 0


if __name__ == "__main__":
    sys.exit(main())
