"""One of several audits: made to its end, or the sentence that says why not."""

from __future__ import annotations

import traceback
from contextlib import suppress
from pathlib import Path

from t2i_audit.audit import execute, plan_audit
from t2i_audit.failures import sentence_of
from t2i_audit.io import write_text
from t2i_audit.reporter import Reporter
from t2i_audit.settings import AuditSettings


def audit_one(settings: AuditSettings, reporter: Reporter) -> str | None:
    """Make or resume one audit; returns why it failed, None if it is finished.

    A fault that no sentence is known for leaves its traceback in a file beside the run directory,
    as the audits of the other models go on.
    """
    from accelerate.utils.memory import clear_device_cache

    failure = _failure_of(settings, reporter)
    # Only here, with the exception gone, does nothing hold on to what the next model needs.
    clear_device_cache(garbage_collection=True)
    return failure


def _failure_of(settings: AuditSettings, reporter: Reporter) -> str | None:
    try:
        execute(plan_audit(settings, reporter), reporter)
    except Exception as err:
        return sentence_of(err) or keep_traceback(
            settings.out, f"a fault of the program, {type(err).__name__}", traceback.format_exc()
        )
    with suppress(OSError):
        traceback_path(settings.out).unlink(missing_ok=True)
    return None


def traceback_path(run: Path) -> Path:
    """Where the traceback of an audit that failed unexpectedly lies."""
    return run.with_name(f"{run.name}.traceback.txt")


def keep_traceback(run: Path, what: str, text: str) -> str:
    """Keep `text` beside the run directory `run`; returns a sentence on `what` that names it."""
    path = traceback_path(run)
    try:
        write_text(path, text)
    except OSError:
        return f"{what}: {' '.join(text.split())}"
    return f"{what}; see {path}"
