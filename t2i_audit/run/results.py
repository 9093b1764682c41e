"""The results of a finished run, read back: they are as the run wrote them, or they are refused."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

from t2i_audit.analysis.summary import RunSummary
from t2i_audit.errors import RunDirectoryError
from t2i_audit.io import read_json, sha256_of_all
from t2i_audit.run.columns import COLUMNS
from t2i_audit.run.directory import MANIFEST, SUMMARY, read_manifest
from t2i_audit.run.manifest import Manifest, first_fault

AGAIN = "give the command that made the run again, and it is made anew"
PROBED = ("prompts", "probes", "decodability")
# Sums of floating-point numbers in another order differ by less.
ROUNDING = 1e-9


def result_names(manifest: Manifest) -> tuple[str, ...]:
    """The files that hold the results of a run: its summary and its tables."""
    tables = PROBED if manifest.settings.get("command") == "probe" else tuple(COLUMNS)
    return (SUMMARY, *(f"{table}.parquet" for table in tables))


def unlike_sealed(run: Path, manifest: Manifest, names: Iterable[str]) -> tuple[str, ...]:
    """Those of the files `names` that are missing, or not as the manifest's checksums have them."""
    names = tuple(names)
    digests = sha256_of_all([run / name for name in names])
    return tuple(
        name
        for name, digest in zip(names, digests, strict=True)
        if digest is None or digest != manifest.files.get(name)
    )


def read_results(run: Path) -> tuple[Manifest, dict[str, Any]]:
    """The manifest and the summary of the finished run in `run`.

    Raises:
        RunDirectoryError: `run` holds no run, the run is not finished, or its summary or one of
            its tables is missing or was changed since.
    """
    manifest = read_manifest(run)
    if not manifest.complete or not manifest.files:
        raise RunDirectoryError(
            f"the run in {run} is not finished; the command that began it goes on with it"
        )
    changed = unlike_sealed(run, manifest, result_names(manifest))
    if changed:
        path = run / changed[0]
        what = f"is not as the run wrote it (see the checksums in {MANIFEST})"
        raise RunDirectoryError(f"{path} {what if path.exists() else 'is missing'}; {AGAIN}")
    return manifest, _checked_summary(run / SUMMARY)


def read_summary(run: Path) -> dict[str, Any]:
    """The summary of the finished run in `run`.

    Raises:
        RunDirectoryError: as `read_results`.
    """
    return read_results(run)[1]


def _checked_summary(path: Path) -> dict[str, Any]:
    try:
        summary = read_json(path)
        fault = _fault(summary)
    except (OSError, ValueError) as err:
        fault = str(err)
    if fault:
        raise RunDirectoryError(f"{path} is not a summary of t2i-audit ({fault}); {AGAIN}")
    checked: dict[str, Any] = summary
    return checked


def _fault(summary: Any) -> str:
    """What is wrong with `summary`, empty if nothing is."""
    from pydantic import TypeAdapter, ValidationError

    try:
        TypeAdapter(RunSummary).validate_python(summary)
    except ValidationError as err:
        fault = first_fault(err, null_is_nan=True)
        if fault:
            return fault
    rates = {"success": (summary.get("success") or {}).get("overall")} | {
        f"decodability at {name}": station.get("decodability")
        for name, station in (summary.get("stations") or {}).items()
    }
    return next((f"{name} is {rate}" for name, rate in rates.items() if not _is_rate(rate)), "")


def _is_rate(interval: Mapping[str, Any] | None) -> bool:
    """Whether the estimate lies in its interval, both from 0 to 1, where they are defined."""
    if interval is None:
        return True
    ends = [interval["lower"], interval["estimate"], interval["upper"]]
    defined = [0.0, *(float(end) for end in ends if end is not None), 1.0]
    return all(math.isfinite(high) and low <= high + ROUNDING for low, high in pairwise(defined))
