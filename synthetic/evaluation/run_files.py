"""The file that keeps the result of each run of a run directory."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from synthetic.evaluation.results import RunResult, result_from_json, result_to_json
from synthetic.records import described, record_of
from synthetic.settings import RunSettings
from t2i_audit.errors import RunDirectoryError
from t2i_audit.io import read_json, to_json, write_json

RUNS_FOLDER = "runs"


def run_path(out: Path, run: RunSettings) -> Path:
    """The path of the result of `run` in the directory `out`, whether it exists or not."""
    text = json.dumps(to_json(record_of(run)), sort_keys=True)
    return out / RUNS_FOLDER / f"{hashlib.sha256(text.encode()).hexdigest()[:20]}.json"


def write_run(out: Path, result: RunResult) -> None:
    """Write `result` to its file in `out` atomically."""
    write_json(run_path(out, result.settings), result_to_json(result))


def read_run(out: Path, run: RunSettings) -> RunResult:
    """The result of `run` in the directory `out`.

    Raises:
        RunDirectoryError: the file is missing or damaged.
    """
    path = run_path(out, run)
    try:
        return result_from_json(read_json(path))
    except FileNotFoundError as err:
        raise RunDirectoryError(
            f"{out} lacks the run {described(run)}; give the command that started it again"
        ) from err
    except (OSError, ValueError) as err:
        raise RunDirectoryError(
            f"{path} cannot be used ({err}); delete it and give the same command again"
        ) from err
