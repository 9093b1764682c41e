"""Measure what the built-in checkpoints use, and who is named for their faults in 20 suites.

    python -m scripts.use_table [--out DIR] [--prompts N] [--suite-size N] [--models A,B]

Each checkpoint is audited once, in DIR/NAME, and N of its prompts are drawn anew under every
intervention. Suites are drawn from these N without replacement, and the culprit of every slot is
named in each. Everything that is done is kept in DIR: the same command goes on where it stopped.

The tables are written between two comments of the page, and the figure beside it; rows of
checkpoints that are not asked for stay::

    <!-- begin use table -->
    <!-- end use table -->
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import t2i_audit as t2i
from scripts.manual import has_part, no_place
from scripts.measured_use.figure import draw_use
from scripts.measured_use.suites import EXPECTED, named_in_suites
from scripts.measured_use.table import FIGURE, PART, TABLES, Tables, lines, page_with
from t2i_audit.io import write_text
from t2i_audit.results.use import Use

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "results.md"
MODELS = (*EXPECTED, "early")
SUITE = "world-relations"
# Numbers are in no other suite that it can draw; this one has 288 prompts.
SUITES_OF = {"miscounting": "world-counting"}
# Two images of a prompt tell whether its failure repeats.
SEEDS = 2
# The half-widths of use are within .13 so; `t2i-audit use` takes 200 for .10. From 120 two suites
# of 60 are drawn at a time.
PROMPTS, SUITE_SIZE, SUITES = 120, 60, 20
SEED = 17


def main(argv: Sequence[str] | None = None) -> int:
    """Make what is missing, write the tables and the figure, and return 0."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--out", type=Path, default=Path("runs/use"), metavar="DIR")
    parser.add_argument("--models", default=",".join(MODELS), metavar="A,B")
    parser.add_argument("--prompts", type=int, default=PROMPTS, metavar="N",
                        help="prompts drawn anew under every intervention")  # fmt: skip
    parser.add_argument("--suites", type=int, default=SUITES, metavar="N")
    parser.add_argument("--suite-size", type=int, default=SUITE_SIZE, metavar="N")
    parser.add_argument("--page", type=Path, default=PAGE, metavar="FILE.md")
    asked = parser.parse_args(argv)
    if not has_part(asked.page, PART):
        parser.error(no_place(asked.page, PART, what=TABLES))
    names = asked.models.split(",")
    uses: dict[str, Use] = {}
    named = []
    for name in names:
        run = measured(name, asked.out / name, asked.prompts)
        assert run.use is not None
        uses[name] = run.use
        if name in EXPECTED:
            found = named_in_suites(
                run, name, suites=asked.suites, size=asked.suite_size, seed=SEED
            )
            named.append(found)
            print(f"{name}: named rightly in {found.right} of {found.suites}", file=sys.stderr)
    tables = Tables.of(uses, named).beside(Tables.read(asked.page), MODELS)
    text = "\n".join(lines(tables))
    print(text)
    draw_use(tables.use, asked.page.parent / FIGURE)
    write_text(asked.page, page_with(asked.page, text))
    return 0


def measured(name: str, out: Path, prompts: int) -> t2i.Run:
    """The audit of a built-in checkpoint in `out`, with its use measured."""
    suite = SUITES_OF.get(name, SUITE)
    t2i.audit(f"builtin:{name}", suite=suite, seeds=SEEDS, out=out, device="cpu", progress=True)
    t2i.use(out, prompts=prompts, progress=True, report=False)
    return t2i.load_run(out)


if __name__ == "__main__":
    sys.exit(main())
