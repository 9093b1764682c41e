"""Batches of images copied from other runs into one."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from t2i_audit.io import atomic_file
from t2i_audit.run.directory import RunDirectory, open_run_files
from t2i_audit.run.images import TAR
from t2i_audit.stages.cost import copy_costs
from t2i_audit.stages.damage import damage_of
from t2i_audit.stages.files import IMAGES, JUDGEMENTS, RECORD, is_judged, read_record, record_sums


def copy_batches(source: Path, run: RunDirectory, *, judges: Sequence[str]) -> None:
    """Copy the batches of the run `source` that `run` lacks, and what they took.

    Damaged ones are left out.

    Args:
        source: the run directory that holds them.
        run: receives them.
        judges: the keys of the judges whose verdicts are copied too, as far as there are any.
    """
    open_run_files(source)
    for record in sorted((source / IMAGES).glob("batch_*.json")):
        if not RECORD.fullmatch(record.name):
            continue
        if not (run.path / IMAGES / record.name).exists():
            damage = damage_of(source, record)
            if damage:
                run.reporter.note(f"{damage}; its batch is taken from another run, or made again")
                continue
            for name in record_sums(record):
                if (source / name).exists():
                    _copy(source / name, run.path / name)
            shard = IMAGES / f"{record.stem}{TAR}"
            if (source / shard).exists():
                _copy(source / shard, run.path / shard)
            # The record comes last: with it the batch is complete.
            _copy(record, run.path / IMAGES / record.name)
        for key in judges:
            _copy_verdicts(source, record.stem, run, key)
    copy_costs(source, run.path)


def _copy_verdicts(source: Path, batch: str, run: RunDirectory, key: str) -> None:
    name = JUDGEMENTS / key / f"{batch}.parquet"
    if not (source / name).is_file() or (run.path / name).exists():
        return
    if is_judged(source / name, read_record(run.path / IMAGES / f"{batch}.json").images):
        _copy(source / name, run.path / name)
    else:
        run.reporter.note(f"{source / name} is damaged; the images of its batch are judged again")


def _copy(source: Path, target: Path) -> None:
    with atomic_file(target) as temporary:
        shutil.copyfile(source, temporary)
