"""What is made of finished runs: comparisons, boards, pages, exports and forecasts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from t2i_audit.api.given import file_at, path_of, reporter_for
from t2i_audit.results.run import Run
from t2i_audit.settings import (
    DEFAULT_MEGABYTES,
    ExportSettings,
    ForecastSettings,
)
from t2i_audit.settings.suite_file import suite_file

if TYPE_CHECKING:
    from prompts.suite import Suite
    from t2i_audit.exporting import Exported
    from t2i_audit.models.devices import DeviceName
    from t2i_audit.results.associations import Associations
    from t2i_audit.results.comparison import Comparison, ComparisonPlan
    from t2i_audit.results.forecast import Forecast
    from t2i_audit.results.leaderboard import Leaderboard
    from t2i_audit.settings.export import Target


def compare(base: str | Path | Run, candidate: str | Path | Run) -> Comparison:
    """Say whether a candidate is better than its base, over the images that both runs judged.

    >>> import t2i_audit as t2i
    >>> again = t2i.audit("builtin:sound", seeds=1, limit=8, steps=1, out="runs/one-step")
    >>> found = t2i.compare("runs/demo", again)
    >>> found.n_prompts, found.overall.difference.n, found.same_noise
    (8, 8, True)

    Args:
        base: a finished audit, or its directory.
        candidate: one of the same suite, by the same judge.

    Raises:
        AuditError: a directory holds no finished audit, or the two cannot be compared.
    """
    from t2i_audit.comparison import compare_runs

    return compare_runs(path_of(base), path_of(candidate))


def plan_comparison(base: str | Path | Run, *, correlation: float = 0.5) -> ComparisonPlan:
    """Say which differences a comparison with a run will show, before there is a candidate.

    >>> import t2i_audit as t2i
    >>> plan = t2i.plan_comparison("runs/demo")
    >>> [each.points for each in plan.seen]
    [1.0, 2.0, 5.0]

    Args:
        base: a finished audit, or its directory.
        correlation: assumed, over prompts, of the success rates of the two models, from 0 to 1.

    Raises:
        AuditError: the directory holds no finished audit, or `correlation` is out of its range.
    """
    from t2i_audit.comparison import plan_comparison as planned

    return planned(path_of(base), correlation=correlation)


def leaderboard(
    runs: Sequence[str | Path | Run],
    *,
    out: str | Path | None = None,
    append: bool = False,
    allow: Sequence[str] = (),
    pairs: str | Path | None = None,
    html: str | Path | None = None,
) -> Leaderboard:
    """Rank finished audits, and correlate success with decodability over them.

    >>> import t2i_audit as t2i
    >>> board = t2i.leaderboard(["runs/demo"], out="board.csv")
    >>> [row.model for row in board.rows]
    ['builtin:sound']

    Args:
        runs: the audits or their directories.
        out: a CSV file to write, one row per run.
        append: whether the rows that `out` has stay.
        allow: what runs may differ in and be ranked together: ``suite``, ``judge``, ``prompts`` or
            ``seeds``.
        pairs: a CSV file to write with every pair of runs that are ranked together.
        html: a page of the board to write.

    Returns:
        The rows with their ranks, and every pair.

    Raises:
        AuditError: a directory holds no finished audit, a file cannot be written, or `out` holds
            another table that rows were to be appended to.
    """
    from t2i_audit.leaderboard import write_leaderboard

    paths = list(map(path_of, runs))
    return write_leaderboard(
        paths,
        file_at(out),
        append=append,
        allow=allow,
        pairs=file_at(pairs),
        html=file_at(html),
        with_pairs=True,
    )


def report(
    *of: str | Path | Run, out: str | Path | None = None, max_mb: float = DEFAULT_MEGABYTES
) -> Path:
    """Write the page of a run, of a leaderboard's CSV file, or of two runs compared.

    >>> import t2i_audit as t2i
    >>> t2i.report("runs/demo").name
    'report.html'

    Args:
        of: one run, one CSV file of `leaderboard`, or a base and a candidate.
        out: the file; None for ``report.html`` in the run, the CSV file's name with ``.html``, or
            ``comparison.html``.
        max_mb: the largest size of the page, in millions of bytes; images are left out before it
            grows larger.

    Returns:
        The file.

    Raises:
        AuditError: there is no finished run or leaderboard, or `out` cannot be written.
    """
    from t2i_audit.reporting import write_report

    paths = [each.path if isinstance(each, Run) else Path(each) for each in of]
    return write_report(paths, None if out is None else Path(out), max_mb=max_mb)


def associate(runs: Sequence[str | Path | Run], *, out: str | Path | None = None) -> Associations:
    """Relate decodability to success over prompts, values and prompt types, and over models.

    >>> import t2i_audit as t2i
    >>> found = t2i.associate(["runs/demo"])
    >>> found.runs[0].prompts, found.models  # of 8 prompts no slot is read
    ({}, ())

    Args:
        runs: one audit, or several of one suite and judge with the same numbers of prompts and
            seeds; or their directories.
        out: a figure to draw, ``.png`` or ``.svg``, or a folder for both and the result as JSON.

    Raises:
        AuditError: a directory holds no finished audit, the runs cannot be compared, or `out`
            cannot be written.
    """
    from t2i_audit.associating import associate_runs, check_output, write_associations

    paths, file = list(map(path_of, runs)), file_at(out)
    if file is not None:
        check_output(file, paths)
    found = associate_runs(paths)
    if file is not None:
        write_associations(found, file)
    return found


def export(
    run: str | Path | Run,
    *,
    to: Target,
    out: str | Path | None = None,
    card: str | Path | None = None,
    source: str | None = None,
    progress: bool = False,
) -> Exported:
    """Write a finished run in the format of another tool.

    >>> import t2i_audit as t2i
    >>> t2i.export("runs/demo", to="geneval", out="demo-geneval").images
    8

    Args:
        run: the run, or its directory.
        to: ``datasets``, ``geneval``, ``csv`` or ``model-index``.
        out: the folder to make, or the file to write.
        card: with ``model-index``, a model card to add the results to, in place of `out`.
        source: with ``model-index``, the address of a page about the run.
        progress: whether to show progress on stderr.

    Raises:
        AuditError: there is no such run, it has nothing for this format, or the place cannot be
            used.
    """
    from t2i_audit.exporting import export as export_run

    asked = ExportSettings(
        run=path_of(run),
        to=to,
        out=file_at(out),
        card=None if card is None else Path(card),
        source=source,
    )
    return export_run(asked, reporter_for(progress))


def forecast(
    run: str | Path | Run,
    prompts: str | Path | Suite,
    *,
    out: str | Path | None = None,
    words_alone: bool = False,
    seed: int = 0,
    device: DeviceName = "auto",
    trust_remote_code: str | None = None,
    progress: bool = False,
) -> Forecast:
    """Forecast which new prompts fail on the model of a finished audit; no images are made.

    >>> import t2i_audit as t2i
    >>> found = t2i.forecast("runs/demo", t2i.load_suite("world").limited(3))
    >>> found.can_forecast, found.prompts[0].risk == found.base_rate
    (False, True)

    Args:
        run: the audit, or its directory.
        prompts: the new prompts, as `suite` in `audit`.
        out: a CSV file to write, one row per prompt; the reliability curve is drawn beside it.
        words_alone: whether to use the prompts' words, type and length alone, without loading the
            checkpoint.
        seed: of the groups of compositions that are left out together.
        device: on which the text encoders run.
        trust_remote_code: the model whose own code may run.
        progress: whether to show progress and messages on stderr.

    Raises:
        AuditError: there is no such audit, the prompts or the checkpoint cannot be loaded, or `out`
            cannot be written.
    """
    from t2i_audit.forecasting import execute_forecast, plan_forecast, write_forecast

    with suite_file(prompts) as source:
        asked = ForecastSettings(
            run=path_of(run),
            prompts=source,
            out=file_at(out),
            words_alone=words_alone,
            seed=seed,
            device=device,
            trust_remote_code=trust_remote_code,
        )
        reporter = reporter_for(progress)
        found = execute_forecast(plan_forecast(asked, reporter), reporter)
    if asked.out is not None:
        write_forecast(found, asked.out)
    return found
