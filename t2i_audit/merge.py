"""The shards of an audit joined, and the audit ended: text side, probes, tables."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from t2i_audit.audit import run_audit
from t2i_audit.errors import RunDirectoryError
from t2i_audit.io import atomic_file
from t2i_audit.run.command import read_settings
from t2i_audit.run.directory import open_run, read_manifest
from t2i_audit.run.manifest import Manifest, differences
from t2i_audit.stages.files import DENOISER, IMAGES, JUDGEMENTS

RECORD = re.compile(r"batch_[0-9]{5,}\.json")
PICTURE = re.compile(r"[0-9]{6,}_[0-9]{3,}\.png")


def merge_runs(runs: Sequence[Path], *, out: Path | None = None) -> Path:
    """Join the shards in `runs` into `out` and end the audit there; returns its directory.

    What no shard has made, or what is damaged, is made now. A single run, in which all shards
    worked, is ended where it is.

    Raises:
        RunDirectoryError: a directory holds no audit, or two are shards of different audits.
    """
    manifests = {run: read_manifest(run) for run in runs}
    first = runs[0]
    for run in runs[1:]:
        _require_shards_of_one(manifests[first], first, manifests[run], run)
    settings = read_settings(first)
    if out is None:
        if len(runs) > 1:
            raise RunDirectoryError("several runs are joined in a new folder; name it with --out")
        return run_audit(settings)
    there = manifests[first]
    with open_run(out, there.settings, stages=tuple(there.stages), versions=there.versions):
        for run in runs:
            _copy_batches(run, out)
    return run_audit(replace(settings, out=out))


def _require_shards_of_one(there: Manifest, first: Path, other: Manifest, run: Path) -> None:
    found = differences(there.settings, other.settings)
    found = found or differences(there.versions, other.versions)
    if found:
        what = found[0].replace(" there and ", f" in {first} and ").removesuffix(" here")
        raise RunDirectoryError(f"these are shards of different audits: {what} in {run}")


def _copy_batches(run: Path, out: Path) -> None:
    for record in sorted((run / IMAGES).glob("batch_*.json")):
        if not RECORD.fullmatch(record.name) or (out / IMAGES / record.name).exists():
            continue
        files = [DENOISER / f"{record.stem}.npz", JUDGEMENTS / f"{record.stem}.parquet"]
        for file in (*(IMAGES / name for name in _pictures(record)), *files):
            if (run / file).is_file():
                _copy(run / file, out / file)
        # The record last: with it the batch is whole. Its checksums are held to the files later.
        _copy(record, out / IMAGES / record.name)


def _pictures(record: Path) -> Iterator[str]:
    """File names of a batch's pictures; none of a record that is damaged."""
    try:
        pictures = json.loads(record.read_text(encoding="utf-8"))["pictures"]
        names = [Path(str(picture["image"])).name for picture in pictures]
    except (OSError, ValueError, TypeError, KeyError):
        return
    yield from (name for name in names if PICTURE.fullmatch(name))


def _copy(source: Path, target: Path) -> None:
    with atomic_file(target) as temporary:
        shutil.copyfile(source, temporary)
