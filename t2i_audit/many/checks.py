"""What can be refused of an audit in a moment, without loading its model or its judge."""

from __future__ import annotations

import os
from pathlib import Path

from t2i_audit import storage
from t2i_audit.errors import AuditError, ModelError, RunDirectoryError
from t2i_audit.run.directory import MANIFEST, check_output, read_manifest_if_any
from t2i_audit.settings import AUTO_JUDGE, SAFE, AuditSettings, check_count


def check_folder(out: Path) -> None:
    """Refuse a folder that cannot hold run directories.

    Raises:
        RunDirectoryError: it is a run directory itself, is no folder, or cannot be written.
    """
    storage.refuse_url(out, "--out of several models")
    try:
        parent = next(folder for folder in (out, *out.absolute().parents) if folder.exists())
        is_run = (out / MANIFEST).exists()
    except OSError as err:
        raise RunDirectoryError(f"{out} cannot be read: {err.strerror}") from err
    if not parent.is_dir():
        raise RunDirectoryError(f"{parent} is a file; --out should name a folder for the runs")
    if not os.access(parent, os.W_OK | os.X_OK):
        raise RunDirectoryError(f"{parent} cannot be written; give another --out")
    if is_run:
        raise RunDirectoryError(
            f"{out} is the run directory of one model; several models need a folder of their own, "
            "so give another --out"
        )


def check_audit(settings: AuditSettings) -> None:
    """Refuse files that are missing and options that mean nothing.

    Raises:
        AuditError: one sentence with the reason and the remedy.
    """
    from t2i_audit.inputs import suite_of
    from t2i_audit.judges.load import judge_specs, kind_of
    from t2i_audit.models.devices import choose_device, choose_judge_device
    from t2i_audit.models.resolve import resolve_model
    from t2i_audit.models.unused import refuse_unused

    options = settings.model_options
    _check_run(settings)
    trusted = options.trust_remote_code == settings.model
    resolved = resolve_model(settings.model, trusted=trusted, single=True)
    refuse_unused(resolved, options)
    for option, pairs in (("--lora", options.loras()), ("--embedding", options.embeddings())):
        for path, _ in pairs:
            if not (path.endswith(SAFE) and Path(path).is_file()):
                raise ModelError(f"{option} {path} should name a {SAFE} file that exists.")
    choose_device(settings.device)
    if settings.judge_device is not None:
        choose_judge_device(settings.judge_device)
    for spec in judge_specs(settings.judge):
        if spec != AUTO_JUDGE:
            kind_of(spec)
    suite, _ = suite_of(settings)
    check_count(len(suite.prompts), settings.seeds)


def _check_run(settings: AuditSettings) -> None:
    check_output(settings.out)
    there = read_manifest_if_any(settings.out)
    model = settings.model if there is None else there.settings.get("model")
    if model != settings.model:
        raise AuditError(
            f"{settings.out} holds a run of {model}; give a `name` of its own, or another --out"
        )
