"""Audits made, planned and joined."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from t2i_audit import storage
from t2i_audit.api.given import judges_text, reporter_for, required
from t2i_audit.errors import AuditError
from t2i_audit.results.run import Run
from t2i_audit.settings import (
    DEFAULT_SEEDS,
    DEFAULT_SUITE,
    AuditSettings,
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
    from t2i_audit.many import Audits
    from t2i_audit.results.plan import SuitePlan


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
            "judge": None if judge is None else judges_text(judge),
        }
        from t2i_audit.audit import audit_in_memory, execute, plan_audit

        reporter = reporter_for(progress)
        asked = checked_settings(AuditSettings, given, function="audit")
        if isinstance(model, str):
            run = execute(plan_audit(asked, reporter), reporter)
        else:
            run = audit_in_memory(model, asked, reporter)
    return required(run)


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
        settings["judge"] = judges_text(settings["judge"])
    with suite_file(settings.get("suite", DEFAULT_SUITE)) as source:
        if "suite" in settings:
            settings["suite"] = source
        given = checked_values(AuditSettings, settings, function="audit_many")
        own = {"models": (), "out": out, "processes": processes}
        asked = checked_settings(ManySettings, own, function="audit_many")
        planned = plan_audits(models, given, out=asked.out, processes=asked.processes)
        return execute_audits(planned, reporter_for(progress))


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

        reporter = reporter_for(progress)
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
            ``seed``, what is assumed of the model, ``repeatability`` and ``spread``, and ``like``,
            a finished audit by which time and disk are told.

    Raises:
        TypeError: there is no setting of that name.
        AuditError: a value cannot be used, or there is no such suite.
    """
    with suite_file(suite) as source:
        from t2i_audit.planning import plan_suite

        asked = checked_settings(
            PlanSettings, {**settings, "suite": source, "seeds": seeds}, function="plan"
        )
        return plan_suite(asked, reporter_for(progress))


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
    reporter = reporter_for(progress)
    asked = MergeSettings(
        runs=tuple(storage.local_folder(run) for run in runs),
        out=None if out is None else storage.local_folder(out),
        trust_remote_code=trust_remote_code,
    )
    return required(execute(plan_merge(asked, reporter), reporter))


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
