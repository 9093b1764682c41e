"""Whether a run is finished, and whether all its files are still there and unchanged."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from t2i_audit import storage
from t2i_audit.images.sources import SOURCES, SUITE
from t2i_audit.run.command import SETTINGS, write_settings
from t2i_audit.run.directory import RunDirectory
from t2i_audit.run.images import INDEX
from t2i_audit.run.results import USE_RESULTS, result_names, unlike_sealed
from t2i_audit.settings import AuditSettings
from t2i_audit.stages.damage import found_sums, is_untouched
from t2i_audit.stages.encoded import ENCODED
from t2i_audit.stages.files import IMAGES, JUDGEMENTS, RANDOM_DENOISER, RECORD, record_sums

# What a run writes besides its results. The images and the recorded states of the denoiser are
# listed in the records of their batches.
LEFT = (
    SETTINGS,
    SOURCES,
    SUITE,
    "figures/where_lost.*",
    f"{IMAGES}/batch_*.json",
    f"{IMAGES}/{INDEX}",
    f"{JUDGEMENTS}/*/batch_*.parquet",
    "activations/*/index.json",
    f"activations/*/{ENCODED}",
    "activations/*/[0-9]*.npy",
)

# Folders of the states of the text encoders, and of their control.
TEXT = ("activations/text_encoder/", "activations/random_weights_")


def is_finished(run: RunDirectory) -> bool:
    """Whether all that the audit made is there and intact; what is not is reported and made again.

    What was drawn anew to measure use is looked at when it is measured.

    Changed files that later stages would rely on are deleted: the record of a batch, the verdicts
    on one, and the states of the denoiser with random weights.

    Raises:
        RunDirectoryError: something is to be made again, and the run was made with other versions.
    """
    manifest = run.manifest
    if not manifest.complete:
        if manifest.files and run.worker.finishes:
            _check_kept(run)
        return False
    made = [name for name in manifest.files if name not in USE_RESULTS]
    names = dict.fromkeys([*result_names(manifest), *made])
    damaged = unlike_sealed(run.path, manifest, names)
    images = () if damaged else _damaged_images(run.path, manifest.files)
    if not damaged and not images:
        return True
    run.require_same_versions()
    first, count = (damaged or images)[0], len(damaged or images)
    more = f" (and {count - 1} more)" if count > 1 else ""
    run.reporter.note(
        f"{run.path / first} is missing or damaged{more}; what depends on it is made again"
    )
    if run.worker.finishes:
        _delete(run, damaged)
        run.unseal()
    return False


def _check_kept(run: RunDirectory) -> None:
    """Check what is kept of a run that was finished, and has got more seeds or other judges."""
    kept = [name for name in run.manifest.files if _is_relied_on(name)]
    damaged = unlike_sealed(run.path, run.manifest, kept)
    for name in damaged:
        run.reporter.note(
            f"{run.path / name} is missing or damaged; what depends on it is made again"
        )
    _delete(run, damaged)
    run.unseal()


def _delete(run: RunDirectory, damaged: Iterable[str]) -> None:
    for name in filter(_is_relied_on, damaged):
        storage.remove(run.path / name)


def _is_relied_on(name: str) -> bool:
    """Whether later stages take the contents of the file `name` as they are."""
    kept = (f"{JUDGEMENTS.as_posix()}/", RANDOM_DENOISER, *TEXT)
    return _is_record(name) or name.startswith(kept)


def keep_settings(run: RunDirectory, settings: AuditSettings) -> None:
    """Keep the command's settings in the run directory; a changed file is written again.

    No result depends on the file; only `t2i-audit merge` and `judge` read it.
    """
    path = run.path / SETTINGS
    sealed = SETTINGS in run.manifest.files
    if sealed and unlike_sealed(run.path, run.manifest, [SETTINGS]):
        run.reporter.note(f"{path} is missing or damaged; it is written again")
        storage.remove(path)
    write_settings(run.path, settings, run.reporter)
    if sealed:
        run.seal_again(path)


def seal(run: RunDirectory, judged: Sequence[Mapping[str, Any]] = ()) -> None:
    """Keep the checksums of all files of the run, and how many images have each flaw."""
    results = [run.path / name for name in result_names(run.manifest)]
    left = [path for pattern in LEFT for path in sorted(run.path.glob(pattern))]
    if run.manifest.use:
        run.reporter.note(
            f"use was measured before the run changed; t2i-audit use {run.path} measures it anew, "
            "from the images that are there"
        )
    flaws = Counter(str(row["flaw"]) for row in judged if row["flaw"])
    run.seal([*results, *left], flaws=flaws)


def _damaged_images(run: Path, files: Mapping[str, str]) -> tuple[str, ...]:
    """Images and recorded states that are missing, or unlike the records of their batches."""
    records = [run / name for name in files if _is_record(name)]
    storage.fetch(records)
    sums = {record: record_sums(record) for record in records}
    touched = {record: own for record, own in sums.items() if not is_untouched(run, record, own)}
    found = found_sums(run, touched)
    return tuple(
        name for own in touched.values() for name, digest in own.items() if found[name] != digest
    )


def _is_record(name: str) -> bool:
    folder, _, file = name.rpartition("/")
    return folder == IMAGES.as_posix() and re.fullmatch(RECORD, file) is not None
