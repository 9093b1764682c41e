"""What callers of the Python API give and get, as the commands have it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from t2i_audit import storage
from t2i_audit.errors import AuditError
from t2i_audit.reporter import SILENT, Reporter, TerminalReporter
from t2i_audit.results.run import Run

if TYPE_CHECKING:
    pass


def judges_text(judge: str | Sequence[str]) -> str:
    """The judges as the command line has them."""
    return judge if isinstance(judge, str) else ",".join(judge)


def path_of(run: str | Path | Run) -> Path:
    """The directory of a run that is given as such, or by its directory or URL."""
    return run.path if isinstance(run, Run) else storage.local_folder(run)


def file_at(place: str | Path | None) -> Path | None:
    """The file that is given by its path or URL, if one is."""
    return None if place is None else storage.local_file(place)


def reporter_for(progress: bool) -> Reporter:
    return TerminalReporter() if progress else SILENT


def required(run: Run | None) -> Run:
    if run is None:
        raise AuditError(
            "another worker finishes this run; read it with `load_run` when it is done"
        )
    return run
