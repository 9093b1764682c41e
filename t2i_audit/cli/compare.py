"""The command ``t2i-audit compare``."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from t2i_audit import storage
from t2i_audit.cli import options
from t2i_audit.errors import AuditError
from t2i_audit.printable import print_line
from t2i_audit.reporter import TerminalReporter

R = TypeVar("R")

STREAM = Path("-")
SURELY_WORSE = 1  # exit code


def compare(
    base: Annotated[
        Path, typer.Argument(metavar="BASE", help="Run directory of the base's audit.")
    ],
    candidate: Annotated[
        Path | None,
        typer.Argument(
            metavar="CANDIDATE",
            help="Run directory of the candidate's audit, of the same suite and by the same judge; "
            "left out with --plan.",
        ),
    ] = None,
    fail_if_worse: Annotated[
        float | None,
        typer.Option(
            "--fail-if-worse",
            metavar="X",
            help="End with exit code 1 if the candidate is surely worse by more than this share of "
            "the images: if the upper end of the 95% interval of success(CANDIDATE) - "
            "success(BASE) is below -X. 0.03 is 3 points; 0 is any difference.",
        ),
    ] = None,
    plan: Annotated[
        bool,
        typer.Option(
            "--plan",
            help="Say which differences a comparison with BASE will show, before there is a "
            "candidate.",
        ),
    ] = False,
    correlation: Annotated[
        float | None,
        typer.Option(
            "--correlation",
            metavar="X",
            help="With --plan: assumed correlation, over prompts, of the success rates of the two "
            "models.  [default: 0.5]",
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--out",
            metavar="FILE.json",
            help="A file to write the result to, as JSON; - writes to standard output.",
        ),
    ] = None,
    as_json: options.AsJson = False,
) -> None:
    """Say whether a candidate is better than its base, such as a fine-tune than its checkpoint.

    Both audits are compared image by image over the prompts and seeds that both judged: success
    by slot, prompt type and split, the images that changed, decodability, and how many prompts or
    seeds would show a difference of 1, 2 or 5 points.
    """
    _require_share("--fail-if-worse", fail_if_worse)
    _require_share("--correlation", correlation)
    if plan and (candidate is not None or fail_if_worse is not None):
        extra = "CANDIDATE" if candidate is not None else "--fail-if-worse"
        raise AuditError(f"--plan is about BASE alone; leave out {extra}, or leave out --plan")
    if not plan and correlation is not None:
        raise AuditError("--correlation is assumed by --plan alone; give --plan or leave it out")
    if not plan and candidate is None:
        raise AuditError(
            "CANDIDATE is missing; give the run directory to compare with BASE, or give --plan"
        )
    from t2i_audit.comparison import CORRELATION, compare_runs, plan_comparison
    from t2i_audit.leaderboard import check_table_path
    from t2i_audit.report.comparison import print_comparison, print_comparison_plan

    base = storage.local_folder(base)
    candidate = None if candidate is None else storage.local_folder(candidate)
    if out is not None and out != STREAM:
        out = storage.local_file(out)
        runs = [each for each in (base, candidate) if each is not None]
        check_table_path(out, runs, example="comparison.json")
    if candidate is None:
        planned = plan_comparison(
            base, correlation=CORRELATION if correlation is None else correlation
        )
        _show(planned, print_comparison_plan, out, as_json=as_json)
        return
    found = compare_runs(base, candidate)
    _show(found, print_comparison, out, as_json=as_json)
    if fail_if_worse is not None and found.is_surely_worse(by=fail_if_worse):
        TerminalReporter().note(
            f"the candidate is surely worse by more than {100 * fail_if_worse:g} points, as the "
            f"difference is at most {100 * found.overall.difference.upper:.1f} points; exit code "
            f"{SURELY_WORSE}"
        )
        raise typer.Exit(SURELY_WORSE)


def _require_share(name: str, value: float | None) -> None:
    # NaN is in no range.
    if value is not None and not 0 <= value <= 1:
        raise AuditError(f"{name} should be a share from 0 to 1, not {value:g}")


def _show(found: R, show: Callable[[R], None], out: Path | None, *, as_json: bool) -> None:
    """Write `found` to `out`, and print it as JSON or by `show`."""
    from t2i_audit.io import dump_json, write_json

    if out is not None and out != STREAM:
        try:
            write_json(out, found)
        except OSError as err:
            raise AuditError(f"{out} cannot be written: {err.strerror}; give another -o") from err
    if as_json or out == STREAM:
        sys.stdout.write(dump_json(found))
        return
    show(found)
    if out is not None:
        print_line(f"Written: {out}")
