"""Several audits planned: every setting checked, before the first of them begins."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from t2i_audit.errors import AuditError
from t2i_audit.many.checks import check_audit, check_folder
from t2i_audit.many.entries import Entry, entries_of
from t2i_audit.many.names import folder_names
from t2i_audit.settings import AuditSettings, settings_from
from t2i_audit.workers import this_worker

BOARD, PAGE = "leaderboard.csv", "leaderboard.html"


@dataclass(frozen=True)
class PlannedAudit:
    """One model of several."""

    name: str
    """Of its folder, by which messages refer to it."""
    settings: AuditSettings


@dataclass(frozen=True)
class AuditsPlan:
    """Several audits in which nothing is left to refuse that can be known without loading them."""

    out: Path
    """The folder of their run directories."""
    audits: tuple[PlannedAudit, ...]
    processes: int | None
    """How many are made at the same time; None for one on each GPU."""


def plan_audits(
    models: Iterable[str | Mapping[str, Any]],
    given: Mapping[str, Any],
    *,
    out: Path | None,
    processes: int | None = None,
) -> AuditsPlan:
    """Check all that can be checked of several audits without loading a model.

    Args:
        models: names of models, files of models, or mappings of settings.
        given: settings for all of them. A setting in a file's ``defaults`` gives way to one of
            these, and these give way to a model's own.
        out: the folder in which each has its run directory.
        processes: how many to make at the same time; None for one on each GPU.

    Raises:
        AuditError: something cannot be used; one sentence that names the model.
    """
    if given.get("shard") is not None:
        raise AuditError("--shard divides the images of one model; give one MODEL, or leave it out")
    if not this_worker(None).is_whole:
        raise AuditError(
            "several models are divided among GPUs without a launcher; start the command without "
            "torchrun or accelerate, or give one MODEL"
        )
    if out is None:
        raise AuditError("several models need a folder for their runs; give --out DIR")
    check_folder(out)
    entries = entries_of(models)
    trusted = given.get("trust_remote_code")
    if trusted not in (None, *(entry.model for entry in entries)):
        raise AuditError(f"--trust-remote-code names {trusted!r}, which is none of the models")
    names = folder_names(entries, taken=(BOARD, PAGE))
    audits = []
    first: dict[AuditSettings, Entry] = {}
    for entry, name in zip(entries, names, strict=True):
        try:
            settings = _settings(entry, given, out / name)
            other = first.setdefault(replace(settings, out=out), entry)
            if other is not entry:
                raise AuditError(f"it is the same audit as {other.where}; leave one of them out")
            check_audit(settings)
        except AuditError as err:
            raise AuditError(f"{entry.where}: {err}") from err
        audits.append(PlannedAudit(name, settings))
    if processes != 1 and any(each.settings.placement.device_map for each in audits):
        if processes is not None:
            raise AuditError("--device-map spreads a model over all GPUs; give --processes 1")
        processes = 1
    return AuditsPlan(out, tuple(audits), processes)


def _settings(entry: Entry, given: Mapping[str, Any], out: Path) -> AuditSettings:
    values = {**entry.defaults, **given, **entry.own, "model": entry.model, "out": out}
    # Of several models it allows the code of the one that it names.
    if values.get("trust_remote_code") != entry.model:
        values["trust_remote_code"] = None
    return settings_from(AuditSettings, values)
