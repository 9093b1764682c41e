"""Whether a run is finished and all that it made still lies there as it was made."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from t2i_audit.io import sha256_of_all
from t2i_audit.progress import say
from t2i_audit.run.command import SETTINGS, write_settings
from t2i_audit.run.directory import RunDirectory
from t2i_audit.run.results import result_names, unlike_sealed
from t2i_audit.run.tables import table_path
from t2i_audit.settings import AuditSettings
from t2i_audit.stages.files import IMAGES, RECORD, record_sums

# What a run leaves besides its results. The parts of the denoiser's features and the images are in
# the records of their batches.
LEFT = (
    SETTINGS,
    "figures/where_lost.*",
    f"{IMAGES}/batch_*.json",
    "activations/*/index.json",
    "activations/*/[0-9]*.npy",
)


def is_finished(run: RunDirectory) -> bool:
    """Whether all that the run made is there and sound; says what is not, so that it is made again.

    What later stages would go by although it was changed is deleted: the table of judgements, the
    record of a batch.

    Raises:
        RunDirectoryError: something is to be made again, and the run was made with other versions.
    """
    manifest = run.manifest
    if not manifest.complete:
        return False
    names = dict.fromkeys([*result_names(manifest), *manifest.files])
    damaged = unlike_sealed(run.path, manifest, names)
    images = () if damaged else _damaged_images(run.path, manifest.files)
    if not damaged and not images:
        return True
    run.require_same_versions()
    first, count = (damaged or images)[0], len(damaged or images)
    more = f" (and {count - 1} more)" if count > 1 else ""
    say(f"{run.path / first} is missing or damaged{more}; what depends on it is made again")
    if run.worker.finishes:
        for name in damaged:
            if _is_record(name):
                (run.path / name).unlink(missing_ok=True)
        if "judgements.parquet" in damaged:
            table_path(run.path, "judgements").unlink(missing_ok=True)
        run.unseal()
    return False


def keep_settings(run: RunDirectory, settings: AuditSettings) -> None:
    """Have the command's settings in the run directory; those that were changed are written again.

    No result depends on the file, only a later `t2i-audit merge` does.
    """
    path = run.path / SETTINGS
    sealed = SETTINGS in run.manifest.files
    if sealed and unlike_sealed(run.path, run.manifest, [SETTINGS]):
        say(f"{path} is missing or damaged; it is written again")
        path.unlink(missing_ok=True)
    write_settings(run.path, settings)
    if sealed:
        run.seal_again(path)


def seal(run: RunDirectory, judged: Sequence[Mapping[str, Any]] = ()) -> None:
    """Keep the checksums of all that the run has made, and how many images have which flaw."""
    results = [run.path / name for name in result_names(run.manifest)]
    left = [path for pattern in LEFT for path in sorted(run.path.glob(pattern))]
    flaws = Counter(str(row["flaw"]) for row in judged if row["flaw"])
    run.seal([*results, *left], flaws=flaws)


def _damaged_images(run: Path, files: Mapping[str, str]) -> tuple[str, ...]:
    """Images and features that are missing, or not as the records of their batches have them."""
    sums: dict[str, str] = {}
    for name in filter(_is_record, files):
        sums |= record_sums(run / name)
    found = sha256_of_all([run / name for name in sums])
    pairs = zip(sums.items(), found, strict=True)
    return tuple(name for (name, digest), own in pairs if own != digest)


def _is_record(name: str) -> bool:
    folder, _, file = name.rpartition("/")
    return folder == IMAGES.as_posix() and re.fullmatch(RECORD, file) is not None
