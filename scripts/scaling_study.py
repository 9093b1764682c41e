"""The scaling study: what goes with success over many small generators of the rendered world.

    python -m scripts.scaling_study run [NAME ...] [--work DIR] [--device DEVICE]
    python -m scripts.scaling_study status
    python -m scripts.scaling_study report

`run` trains and measures the generators that are named (default: all whose row is missing), one
after the other; each is a job of at most 40 minutes on one core that goes on where it was stopped,
from what lies in `--work`. Its row is kept in ``docs/results/scaling``; weights are not. `report`
writes the tables and the figure of ``docs/scaling-study.md`` from the rows that are there.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from scripts.scaling.correlations import mean_use
from scripts.scaling.recipes import GENERATORS, Generator
from scripts.scaling.rows import ROWS, Row, read_row, row_path, write_row
from t2i_audit.io import write_text

DOCS = Path(__file__).resolve().parents[1] / "docs"
PAGE, IMAGE = DOCS / "scaling-study.md", DOCS / "images" / "scaling-study.png"
WORK = Path("work/scaling")


def main(argv: Sequence[str] | None = None) -> int:
    """Do what `argv` asks for; 0 if all went well."""
    parser = argparse.ArgumentParser(
        description=(__doc__ or "").partition("\n")[0], prog="python -m scripts.scaling_study"
    )
    commands = parser.add_subparsers(dest="command", required=True)
    running = commands.add_parser("run", help="train and measure generators")
    running.add_argument("names", nargs="*", metavar="NAME", help="default: all that lack a row")
    running.add_argument("--work", type=Path, default=WORK, metavar="DIR")
    running.add_argument("--device", default="cpu", help="cpu, cuda or mps")
    running.add_argument("--threads", type=int, default=1)
    commands.add_parser("status", help="say which generators have rows")
    reporting = commands.add_parser("report", help="write the tables and the figure of the page")
    reporting.add_argument("--page", type=Path, default=PAGE, metavar="FILE.md")
    reporting.add_argument("--image", type=Path, default=IMAGE, metavar="FILE.png")
    for each in commands.choices.values():
        each.add_argument("--rows", type=Path, default=ROWS, metavar="DIR")
    asked = parser.parse_args(argv)
    if asked.command == "run":
        known = {generator.name: generator for generator in GENERATORS}
        for name in asked.names:
            if name not in known:
                parser.error(f"there is no generator {name}; `status` lists them")
        chosen = [known[name] for name in asked.names or known]
        run(chosen, asked.rows, work=asked.work, device=asked.device, threads=asked.threads)
    elif asked.command == "status":
        status(asked.rows)
    else:
        report(asked.rows, asked.page, asked.image)
    return 0


def run(
    generators: Sequence[Generator], rows: Path, *, work: Path, device: str, threads: int
) -> None:
    """Write the rows of `generators` that are missing, and complete those without use."""
    import torch

    from scripts.scaling.measuring import has_run, measured, use_of

    torch.set_num_threads(threads)
    for generator in generators:
        path = row_path(generator, rows)
        started = time.process_time()
        row = read_row(path) if path.exists() else None
        if row is not None and (row.use or not has_run(generator, work=work)):
            continue
        if row is None:
            row = measured(generator, work=work, device=device)
            write_row(row, path)
        row = replace(row, use=use_of(generator, work=work, device=device))
        write_row(row, path)
        took = (time.process_time() - started) / 60
        print(f"{line(row)}; {took:.1f} minutes of one core", flush=True)


def line(row: Row) -> str:
    """A row's success and use in short."""
    return (
        f"{row.name:24} held out {row.held_out.overall}, seen {row.seen.overall}, "
        f"mean use {mean_use(row)}"
    )


def status(rows: Path) -> None:
    """Print which generators have a row."""
    for generator in GENERATORS:
        path = row_path(generator, rows)
        if path.exists():
            print(line(read_row(path)))
        else:
            print(f"{generator.name:24} missing")


def report(rows: Path, page: Path, image: Path) -> None:
    """Write the tables into `page` and the figure to `image`, from the rows that are there."""
    from scripts.scaling.figure import draw_study
    from scripts.scaling.page import page_with

    paths = (row_path(generator, rows) for generator in GENERATORS)
    found = [read_row(path) for path in paths if path.exists()]
    if not found:
        sys.exit(f"{rows} has no rows yet; `run` makes them")
    write_text(page, page_with(page, found))
    draw_study(found, image)


if __name__ == "__main__":
    sys.exit(main())
