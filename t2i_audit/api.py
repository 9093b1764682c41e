"""The Python API: what the commands do, as functions that return typed results.

``import t2i_audit as t2i`` gives these functions. Errors that a user can put right are
`t2i.AuditError`, with the sentences of the command line.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from t2i_audit.errors import AuditError, SuiteError
from t2i_audit.reporter import SILENT, Reporter, TerminalReporter
from t2i_audit.results.run import Run
from t2i_audit.settings import (
    DEFAULT_MEGABYTES,
    DEFAULT_SEEDS,
    DEFAULT_SUITE,
    AuditSettings,
    CalibrateSettings,
    ExportSettings,
    ForecastSettings,
    JudgeSettings,
    ManySettings,
    MergeSettings,
    PlanSettings,
    ProbeSettings,
    checked_settings,
    checked_values,
)
from t2i_audit.settings.suite_file import suite_file

if TYPE_CHECKING:
    from diffusers import DiffusionPipeline

    from prompts.suite import Suite
    from t2i_audit.exporting import Exported
    from t2i_audit.many import Audits
    from t2i_audit.models.devices import DeviceName, DtypeName
    from t2i_audit.models.loaded import LoadedModel
    from t2i_audit.results.associations import Associations
    from t2i_audit.results.comparison import Comparison, ComparisonPlan
    from t2i_audit.results.forecast import Forecast
    from t2i_audit.results.judge_card import JudgeCard, Raters
    from t2i_audit.results.label_plan import LabelPlan
    from t2i_audit.results.leaderboard import Leaderboard
    from t2i_audit.results.plan import SuitePlan
    from t2i_audit.settings.export import Target


def audit(
    model: str | DiffusionPipeline,
    *,
    name: str | None = None,
    suite: str | Path | Suite = DEFAULT_SUITE,
    judge: str | Sequence[str] | None = None,
    seeds: int = DEFAULT_SEEDS,
    out: str | Path | None = None,
    progress: bool = False,
    **settings: Any,
) -> Run:
    """Audit a checkpoint; the same call in the same directory resumes an interrupted audit.

    >>> import t2i_audit as t2i
    >>> run = t2i.audit("builtin:sound", seeds=1, limit=8, steps=2, out="runs/demo")
    >>> run.summary.success.overall.n
    8
    >>> run.summary.stations["text_encoder"].slots["relation"].reason
    'it has 8 prompts for 3 values, and needs 10 for each'

    Args:
        model: ``builtin:NAME``, a local diffusers folder, a ``.safetensors`` file, or a hub id; or
            a diffusers pipeline in memory, which is left as it was.
        name: what a pipeline in memory is called.
        suite: name of a shipped suite, path of a JSON Lines file, or a suite from `load_suite`.
        judge: one or several, the primary one first; None takes the oracle for a built-in
            checkpoint, and for any other the best judge that fits the device.
        seeds: images per prompt; a finished run with fewer makes those that it lacks.
        out: the run directory; under ``runs`` if None.
        progress: whether to show progress and messages on stderr.
        settings: any other field of `t2i_audit.settings.AuditSettings`, or of its parts
            (`ModelOptions`, `ImageOptions`, `Placement`), by its name: ``steps=20``,
            ``lora=["style.safetensors:0.8"]``, ``offload="model"``.

    Returns:
        The finished run. The process of a shard (`shard`) cannot finish it; `merge` does.

    Raises:
        TypeError: there is no setting of that name.
        AuditError: a value cannot be used, or the audit cannot be made.
    """
    if settings.get("shard") is not None:
        raise AuditError(
            "`shard` makes a part of a run, which has no results yet; give it to the command "
            "t2i-audit audit, and t2i.merge returns the run"
        )
    with suite_file(suite) as source:
        given = {
            **settings,
            "model": _model_name(model, name),
            "out": out,
            "suite": source,
            "seeds": seeds,
            "judge": None if judge is None else _judges(judge),
        }
        from t2i_audit.audit import audit_in_memory, execute, plan_audit

        reporter = _reporter(progress)
        asked = checked_settings(AuditSettings, given, function="audit")
        if isinstance(model, str):
            run = execute(plan_audit(asked, reporter), reporter)
        else:
            run = audit_in_memory(model, asked, reporter)
    return _finished(run)


def audit_many(
    models: Sequence[str | Mapping[str, Any]],
    *,
    out: str | Path,
    processes: int | None = None,
    progress: bool = False,
    **settings: Any,
) -> Audits:
    """Audit several checkpoints, and set the finished audits side by side.

    The same call resumes what was interrupted. An audit that fails does not stop the others.

    >>> import t2i_audit as t2i
    >>> audits = t2i.audit_many(
    ...     ["builtin:sound", {"model": "builtin:sound", "steps": 3}],
    ...     out="runs/board", suite="world-smoke", limit=4, seeds=1, steps=2,
    ...     denoiser_station=False,
    ... )
    >>> list(audits.runs), audits.failures
    (['sound', 'sound-steps-3'], {})
    >>> [row.model for row in audits.board.rows]
    ['builtin:sound', 'builtin:sound']

    Args:
        models: of each its name as in `audit`, a ``.yaml`` file of models, or a mapping with
            ``model``, settings of its own, and ``name`` for its folder.
        out: the folder of the run directories and of ``leaderboard.csv``.
        processes: how many to audit at the same time; None for one on each GPU.
        progress: whether to show progress and messages on stderr.
        settings: of all models, as in `audit`; a model's own come before them.

    Raises:
        TypeError: there is no setting of that name.
        AuditError: a value or a model cannot be used, which is said before the first audit begins.
    """
    from t2i_audit.many import execute_audits, plan_audits

    if settings.get("judge") is not None:
        settings["judge"] = _judges(settings["judge"])
    with suite_file(settings.get("suite", DEFAULT_SUITE)) as source:
        if "suite" in settings:
            settings["suite"] = source
        given = checked_values(AuditSettings, settings, function="audit_many")
        own = {"models": (), "out": out, "processes": processes}
        asked = checked_settings(ManySettings, own, function="audit_many")
        planned = plan_audits(models, given, out=asked.out, processes=asked.processes)
        return execute_audits(planned, _reporter(progress))


def probe(
    model: str = "",
    *,
    suite: str | Path | Suite = DEFAULT_SUITE,
    out: str | Path | None = None,
    progress: bool = False,
    **settings: Any,
) -> Run:
    """Decode a suite's prompts from a checkpoint's text encoders; no images are made.

    >>> import t2i_audit as t2i
    >>> run = t2i.probe("builtin:sound", suite="world-smoke", limit=6, out="runs/probe")
    >>> run.summary.success is None
    True

    Args:
        model: as in `audit`; leave it out where `text_encoder` names a text encoder's folder.
        suite: as in `audit`.
        out: the run directory; under ``runs`` if None.
        progress: whether to show progress and messages on stderr.
        settings: any other field of `t2i_audit.settings.ProbeSettings`, or of its parts.

    Raises:
        TypeError: there is no setting of that name.
        AuditError: a value cannot be used, or the probe cannot be made.
    """
    with suite_file(suite) as source:
        given = {**settings, "model": model, "out": out, "suite": source}
        from t2i_audit.probing import execute_probe, plan_probe

        reporter = _reporter(progress)
        asked = checked_settings(ProbeSettings, given, function="probe")
        return execute_probe(plan_probe(asked, reporter), reporter)


def plan(
    suite: str | Path | Suite = DEFAULT_SUITE,
    *,
    seeds: int = DEFAULT_SEEDS,
    progress: bool = False,
    **settings: Any,
) -> SuitePlan:
    """Say what an audit of a suite can show and what it cannot; nothing is run.

    >>> import t2i_audit as t2i
    >>> plan = t2i.plan("world-smoke", seeds=2)
    >>> plan.overall.rates[0].rate, round(plan.overall.rates[0].half_width, 2)
    (0.5, 0.12)
    >>> sorted(plan.missing)
    ['chance as a cause', 'held-out against seen compositions']

    Args:
        suite: as in `audit`.
        seeds: images per prompt.
        progress: whether to show notes on stderr.
        settings: any other field of `t2i_audit.settings.PlanSettings`: ``limit``, ``sample``,
            ``seed``, and what is assumed of the model, ``repeatability`` and ``spread``.

    Raises:
        TypeError: there is no setting of that name.
        AuditError: a value cannot be used, or there is no such suite.
    """
    with suite_file(suite) as source:
        from t2i_audit.planning import plan_suite

        asked = checked_settings(
            PlanSettings, {**settings, "suite": source, "seeds": seeds}, function="plan"
        )
        return plan_suite(asked, _reporter(progress))


def merge(
    runs: Sequence[str | Path],
    *,
    out: str | Path | None = None,
    trust_remote_code: str | None = None,
    progress: bool = False,
) -> Run:
    """Join the shards of an audit and finish it.

    >>> import t2i_audit as t2i
    >>> t2i.merge(["runs/demo"]).summary.n_images
    8

    Args:
        runs: the run directories in which shards worked; a single one is finished where it is.
        out: where to join several.
        trust_remote_code: the model whose own code may run.
        progress: whether to show progress and messages on stderr.

    Raises:
        AuditError: a directory holds no audit, two are shards of different audits, or `out` is
            missing.
    """
    from t2i_audit.audit import execute
    from t2i_audit.merge import plan_merge

    if not runs:
        raise AuditError("`runs` should name at least one run directory")
    reporter = _reporter(progress)
    asked = MergeSettings(
        runs=tuple(Path(run) for run in runs),
        out=None if out is None else Path(out),
        trust_remote_code=trust_remote_code,
    )
    return _finished(execute(plan_merge(asked, reporter), reporter))


def judge(
    run: str | Path | Run,
    judge: str | Sequence[str],
    *,
    out: str | Path,
    suite: str | Path | Suite | None = None,
    judge_batch_size: int | None = None,
    strict: bool = False,
    trust_remote_code: str | None = None,
    progress: bool = False,
    **settings: Any,
) -> Run:
    """Judge the images of a finished run with another judge, or images made elsewhere.

    No images are made.

    >>> import t2i_audit as t2i
    >>> again = t2i.judge("runs/demo", "clip", out="runs/demo-clip")
    >>> again.summary.judge, again.summary.n_images
    ('clip', 8)

    Args:
        run: the run, its directory, or a folder or file of images made elsewhere.
        judge: as in `audit`.
        out: the run directory of the new results.
        suite: of images made elsewhere, as in `audit`; None takes the prompts of their metadata.
        judge_batch_size: most images that a judge is shown at once; None for a whole batch.
        strict: whether a suite that the judge cannot judge completely is refused, and images made
            elsewhere that cannot be used.
        trust_remote_code: the model whose own code may run.
        progress: whether to show progress and messages on stderr.
        settings: any other field of `t2i_audit.settings.ImagesOptions` by its name, for images made
            elsewhere (``name="their model"``, ``probe="builtin:sound"``), and of `ModelOptions` for
            the checkpoint that is probed.

    Raises:
        TypeError: there is no setting of that name.
        AuditError: there is no finished run and no image, or the judge cannot be loaded.
    """
    with suite_file(suite or "") as source:
        given = {
            **settings,
            "run": run.path if isinstance(run, Run) else run,
            "judge": _judges(judge),
            "out": out,
            "suite": source or None,
            "judge_batch_size": judge_batch_size,
            "strict": strict,
            "trust_remote_code": trust_remote_code,
        }
        from t2i_audit.judging import judge as judge_images

        asked = checked_settings(JudgeSettings, given, function="judge")
        return judge_images(asked, _reporter(progress))


def calibrate(
    run: str | Path | Run,
    *,
    labels: str,
    judge: str | None = None,
    n_labels: int | None = None,
    seed: int = 0,
    device: DeviceName = "auto",
    progress: bool = False,
) -> JudgeCard:
    """Measure how wrong a judge is on a run, and correct the run's success for it.

    The card is written into the run's directory, and the corrected rates into its summary, if the
    judge is the one that the summary is about.

    >>> import t2i_audit as t2i
    >>> again = t2i.judge("runs/demo", "clip", out="runs/demo-clip")
    >>> card = t2i.calibrate("runs/demo-clip", labels="oracle")
    >>> card.overall.accuracy.n, card.corrected.overall.rate.n
    (8, 8)

    Args:
        run: the run, or its directory.
        labels: a file of labels, with ``FORMAT:`` before it for that of a public set; a judge that
            is taken for the truth; or another run that has the judge's card.
        judge: the name of the judge; the run's own if None.
        n_labels: how many images to draw where a judge labels them; all if None.
        seed: of the draw of `n_labels`.
        device: on which a judge that labels runs.
        progress: whether to show progress and messages on stderr.

    Raises:
        AuditError: there is no such run or judge, or the labels cannot be used.
    """
    from t2i_audit.calibrating import execute_calibration, plan_calibration

    asked = CalibrateSettings(
        run=run.path if isinstance(run, Run) else Path(run),
        labels=labels,
        judge=judge,
        n_labels=n_labels,
        seed=seed,
        device=device,
    )
    return execute_calibration(plan_calibration(asked), _reporter(progress))


def plan_labels(
    run: str | Path | Run,
    *,
    labels: str | None = None,
    judge: str | None = None,
    points: float = 3.0,
    progress: bool = False,
) -> LabelPlan:
    """How many labels the corrected success of a run needs, and of which images.

    >>> import t2i_audit as t2i
    >>> plan = t2i.plan_labels("runs/demo", points=3)
    >>> worst = plan.needed[0]
    >>> worst.sensitivity, worst.specificity, worst.labels, worst.without_judge
    (0.84, 0.8, 629, 1067)

    Args:
        run: the run, or its directory.
        labels: as in `calibrate`; without them, the judge's errors are assumed.
        judge: the name of the judge; the run's own if None.
        points: half-width of the 95% interval that is wanted, in percentage points.
        progress: whether to show progress and messages on stderr.

    Raises:
        AuditError: as `calibrate`.
    """
    from t2i_audit.calibrating import labels_to_make, plan_calibration

    asked = CalibrateSettings(
        run=run.path if isinstance(run, Run) else Path(run),
        labels=labels,
        judge=judge,
        plan=True,
        points=points,
    )
    return labels_to_make(plan_calibration(asked), _reporter(progress))


def compare_raters(labels: str, *, suite: str | Path | Suite) -> Raters:
    r"""How the raters of a file of labels agree with each other; there need be no run.

    >>> from pathlib import Path
    >>> import t2i_audit as t2i
    >>> suite = t2i.load_suite("world-smoke").limited(3)
    >>> lines = [f"{prompt.id},0,{who},yes" for prompt in suite.prompts for who in ("me", "you")]
    >>> _ = Path("labels.csv").write_text("\n".join(["prompt_id,seed,rater,correct", *lines]))
    >>> t2i.compare_raters("labels.csv", suite=suite).agreement["overall"].reason
    'all ratings are the same'

    Args:
        labels: a file of labels, with ``FORMAT:`` before it for that of a public set.
        suite: the prompts that it is about, as in `audit`.

    Raises:
        AuditError: the labels or the prompts cannot be used.
    """
    from t2i_audit.calibrating import compare_raters as compare

    with suite_file(suite) as source:
        return compare(CalibrateSettings(labels=labels, suite=source))


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

    return compare_runs(
        *(run.path if isinstance(run, Run) else Path(run) for run in (base, candidate))
    )


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

    return planned(base.path if isinstance(base, Run) else Path(base), correlation=correlation)


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

    paths = [run.path if isinstance(run, Run) else Path(run) for run in runs]
    return write_leaderboard(
        paths,
        None if out is None else Path(out),
        append=append,
        allow=allow,
        pairs=None if pairs is None else Path(pairs),
        html=None if html is None else Path(html),
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

    paths = [run.path if isinstance(run, Run) else Path(run) for run in runs]
    if out is not None:
        check_output(Path(out), paths)
    found = associate_runs(paths)
    if out is not None:
        write_associations(found, Path(out))
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
        run=run.path if isinstance(run, Run) else Path(run),
        to=to,
        out=None if out is None else Path(out),
        card=None if card is None else Path(card),
        source=source,
    )
    return export_run(asked, _reporter(progress))


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
            run=run.path if isinstance(run, Run) else Path(run),
            prompts=source,
            out=None if out is None else Path(out),
            words_alone=words_alone,
            seed=seed,
            device=device,
            trust_remote_code=trust_remote_code,
        )
        reporter = _reporter(progress)
        found = execute_forecast(plan_forecast(asked, reporter), reporter)
    if asked.out is not None:
        write_forecast(found, asked.out)
    return found


def load_suite(source: str | Path) -> Suite:
    """The prompts of a shipped suite, by name, or of a JSON Lines file, by path.

    >>> import t2i_audit as t2i
    >>> suite = t2i.load_suite("world-smoke")
    >>> suite.name, suite.prompts[0].constituents[0].slot
    ('world-smoke', 'object_1.colour')

    Raises:
        AuditError: there is no such suite, or a line of it is at fault.
    """
    from prompts.errors import PromptsError
    from prompts.suite import load_suite as load

    try:
        return load(str(source))
    except PromptsError as err:
        raise SuiteError(str(err)) from err


def load_model(
    name: str, *, dtype: DtypeName = "auto", device: DeviceName = "auto", **options: Any
) -> LoadedModel:
    """Load a checkpoint as an audit does; its diffusers pipeline is `LoadedModel.pipeline`.

    >>> import t2i_audit as t2i
    >>> t2i.load_model("builtin:sound", device="cpu").dtype_name
    'float32'

    Args:
        name: as in `audit`.
        dtype: of all networks; ``auto`` is float32 on a CPU.
        device: ``auto`` takes CUDA, then MPS, then the CPU.
        options: ``placement`` and ``options`` of `t2i_audit.models.load_model`.

    Raises:
        AuditError: it cannot be found, is incomplete, or does not load.
    """
    from t2i_audit.models.load import load_model as load

    return load(name, dtype=dtype, device=device, **options)


def _model_name(model: object, name: str | None) -> str:
    """What is audited, as the user calls it."""
    if isinstance(model, str) and name is not None:
        raise AuditError("`name` is for a pipeline in memory, and `model` is a name; leave it out")
    if not isinstance(model, str) and name is None:
        raise AuditError(
            "`model` should be a text that names a checkpoint; a pipeline in memory needs a `name` "
            "beside it, such as name='my-model'"
        )
    return model if isinstance(model, str) else str(name)


def _judges(judge: str | Sequence[str]) -> str:
    """The judges as the command line has them."""
    return judge if isinstance(judge, str) else ",".join(judge)


def _reporter(progress: bool) -> Reporter:
    return TerminalReporter() if progress else SILENT


def _finished(run: Run | None) -> Run:
    if run is None:
        raise AuditError(
            "another worker finishes this run; read it with `load_run` when it is done"
        )
    return run
