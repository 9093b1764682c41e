"""Whether the files of batches are as their records say.

A file that was last changed before its record was written is as the record says: whatever writes to
it, renames it or exchanges it leaves a later time. Such a file is not read when a run goes on, as
that would take as long as to read all images; those of a copied run or of one in a store are read.
What a disk changes without a trace is found when the file is read: its checksum is compared then,
and a damaged one is made again.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from t2i_audit import storage
from t2i_audit.errors import RunDirectoryError
from t2i_audit.generation import Batch
from t2i_audit.io import sha256_of_all
from t2i_audit.reporter import Reporter
from t2i_audit.run.images import TAR, shard_sums
from t2i_audit.run.shards import Shards
from t2i_audit.stages.files import IMAGE, IMAGES, RECORD, Record, read_record, record_sums, sums_of


def drop_damaged(run: Path, batches: Sequence[Batch], images: Shards, reporter: Reporter) -> None:
    """Delete the records of those `batches` that are damaged, so that they are made again.

    The last batch of a run that has grown may lack images; it is made again as a whole, since the
    images of a batch depend on each other by rounding.
    """
    records = [images.path(batch.index) for batch in batches]
    _have_at_hand(run, [record for record in records if record.exists()])
    for batch, record in zip(batches, records, strict=True):
        if not record.exists():
            continue
        found, reason = _record(run, batch, record)
        if reason:
            reporter.note(f"{reason}; the {len(batch.items)} images of its batch are made again")
        if found is None or len(found.images) < len(batch.items):
            storage.remove(record)


def _have_at_hand(run: Path, records: Sequence[Path]) -> None:
    """Fetch the files of many batches of a run in a store at the same time."""
    if storage.store_of(run) is None:
        return
    storage.fetch(record.with_suffix(TAR) for record in records)
    for record in records:
        with suppress(RunDirectoryError):  # a damaged record is found later
            if not record.with_suffix(TAR).exists():
                storage.fetch(run / name for name in record_sums(record))


def _record(run: Path, batch: Batch, path: Path) -> tuple[Record | None, str]:
    """The record of a batch; None where it is damaged, with the beginning of a sentence on that."""
    try:
        record = read_record(path)
    except RunDirectoryError:
        return None, f"{path} is damaged"
    sums = sums_of(record, path)
    damage = "" if is_untouched(run, path, sums) else _unlike(run, path, sums)
    named = [(image.prompt_id, image.seed) for image in record.images]
    planned = [(item.prompt.id, item.seed_index) for item in batch.items]
    if not damage and (not named or named != planned[: len(named)]):
        damage = f"{path} is damaged"
    return (None, damage) if damage else (record, "")


def is_untouched(run: Path, record: Path, names: Collection[str]) -> bool:
    """Whether the files of a batch are there, and were last changed before its record was written.

    Args:
        run: the run directory.
        record: of the batch.
        names: of its files and packed images.
    """
    shard = record.with_suffix(TAR)
    packed = shard.exists()
    files = {shard if packed and IMAGE.fullmatch(name) else run / name for name in names}
    try:
        # Not its last change of any kind, so that the files of a copied run are read.
        written = record.stat().st_mtime_ns
        return all(_last_changed(file) < written for file in files)
    except OSError:
        return False


def _last_changed(path: Path) -> int:
    status = path.stat()
    # Where the system keeps it, the second is also set by a new name, which the first is not.
    return max(status.st_mtime_ns, status.st_ctime_ns)


def forget(run: Path, name: str) -> None:
    """Delete the record of the batch that has the image `name`, so that it is made again."""
    for path in sorted((run / name).parent.glob("batch_*.json")):
        if RECORD.fullmatch(path.name):
            with suppress(RunDirectoryError):
                if name in record_sums(path):
                    storage.remove(path)


def damage_of(run: Path, record: Path) -> str:
    """What is wrong with the files of a batch by its record, all of which are read; else empty."""
    try:
        sums = record_sums(record)
    except RunDirectoryError:
        return f"{record} is damaged"
    return _unlike(run, record, sums)


def _unlike(run: Path, record: Path, sums: Mapping[str, str]) -> str:
    found = found_sums(run, {record: tuple(sums)})
    for name, digest in sums.items():
        if found[name] is None:
            return f"{run / name} is missing"
        if found[name] != digest:
            return f"{run / name} is damaged"
    return ""


def found_sums(run: Path, names: Mapping[Path, Collection[str]]) -> dict[str, str | None]:
    """SHA-256 of files and packed images as they are; None for what is missing or unreadable.

    Args:
        run: the run directory.
        names: by the record of each batch, what `record_sums` names.
    """
    shards = [record.with_suffix(TAR) for record in names]
    storage.fetch(shards)
    there = {shard for shard in shards if shard.exists()}
    packed = {
        (IMAGES / name).as_posix(): digest
        for sums in shard_sums(sorted(there))
        for name, digest in (sums or {}).items()
    }
    own = {
        name
        for record, named in names.items()
        for name in named
        if record.with_suffix(TAR) not in there or not IMAGE.fullmatch(name)
    }
    files = sorted(own)
    alone = sha256_of_all([run / name for name in files])
    found: dict[str, str | None] = dict(zip(files, alone, strict=True))
    return found | {
        name: packed.get(name) for named in names.values() for name in named if name not in own
    }
