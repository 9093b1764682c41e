"""The shards of an audit joined, and the audit ended: text side, probes, tables."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from t2i_audit.audit import run_audit
from t2i_audit.errors import ModelError, RunDirectoryError
from t2i_audit.io import atomic_file
from t2i_audit.progress import say
from t2i_audit.run.command import read_settings
from t2i_audit.run.directory import open_run, read_manifest
from t2i_audit.run.manifest import Manifest, differences
from t2i_audit.stages.files import (
    IMAGES,
    JUDGEMENTS,
    RECORD,
    damage_of,
    is_judged,
    read_record,
    record_sums,
)


def merge_runs(
    runs: Sequence[Path], *, out: Path | None = None, trust_remote_code: str | None = None
) -> Path:
    """Join the shards in `runs` into `out` and end the audit there; returns its directory.

    What no shard has made, or what is damaged, is made now. A single run, in which all shards
    worked, is ended where it is.

    Args:
        runs: the run directories.
        out: where to join several.
        trust_remote_code: the model whose own code may run. A file in `runs` may ask for it, but
            cannot allow it: the runs may come from somebody else.

    Raises:
        RunDirectoryError: a directory holds no audit, or two are shards of different audits.
        ModelError: the model's own code would run and is not trusted.
    """
    manifests = {run: read_manifest(run) for run in runs}
    first = runs[0]
    for run in runs[1:]:
        _require_shards_of_one(manifests[first], first, manifests[run], run)
    settings = read_settings(first)
    asked = settings.model_options.trust_remote_code
    if asked not in (None, trust_remote_code):
        raise ModelError(
            f"the audit in {first} ran code that {asked} brings; if it may run here too, give "
            f"--trust-remote-code {asked}"
        )
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
        damage = damage_of(run, record)
        if damage:
            say(f"{damage}; its batch is taken from another run, or made again")
            continue
        for name in record_sums(record):
            _copy(run / name, out / name)
        judged = JUDGEMENTS / f"{record.stem}.parquet"
        if (run / judged).is_file():
            if is_judged(run / judged, read_record(record).images):
                _copy(run / judged, out / judged)
            else:
                say(f"{run / judged} is damaged; the images of its batch are judged again")
        # The record last: with it the batch is whole.
        _copy(record, out / IMAGES / record.name)


def _copy(source: Path, target: Path) -> None:
    with atomic_file(target) as temporary:
        shutil.copyfile(source, temporary)
