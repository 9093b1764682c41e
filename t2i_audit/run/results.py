"""Which files hold the results of a run, and whether they are as the run wrote them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from t2i_audit.io import sha256_of_all
from t2i_audit.run.columns import COLUMNS, OPTIONAL
from t2i_audit.run.directory import SUMMARY
from t2i_audit.run.manifest import Manifest

PROBED = ("prompts", "probes", "decodability")


USE_RESULTS = ("use.json", "use.parquet")
"""What a run with interventions has beside its other results."""


def result_names(manifest: Manifest) -> tuple[str, ...]:
    """The files that hold the results of a run: its summary and its tables."""
    probed = manifest.settings.get("command") == "probe"
    tables = PROBED if probed else tuple(name for name in COLUMNS if name not in OPTIONAL)
    return (SUMMARY, *(f"{table}.parquet" for table in tables))


def use_names(manifest: Manifest) -> tuple[str, ...]:
    """The files that hold what interventions on a run show; none where none were made."""
    return tuple(name for name in USE_RESULTS if name in manifest.files)


def unlike_sealed(run: Path, manifest: Manifest, names: Iterable[str]) -> tuple[str, ...]:
    """Those of the files `names` that are missing, or differ from the manifest's checksums."""
    names = tuple(names)
    digests = sha256_of_all([run / name for name in names])
    return tuple(
        name
        for name, digest in zip(names, digests, strict=True)
        if digest is None or digest != manifest.files.get(name)
    )
