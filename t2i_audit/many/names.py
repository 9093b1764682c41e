"""The folder of each model: named for the model and its own settings, never for the others'.

So an entry keeps its folder, and its run is resumed, when other entries are added after it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from t2i_audit.errors import AuditError
from t2i_audit.file_names import DIGITS, LONGEST, file_name
from t2i_audit.io import dump_json
from t2i_audit.many.entries import Entry
from t2i_audit.settings.defaults import short_name


def folder_names(entries: Iterable[Entry], *, taken: Iterable[str] = ()) -> tuple[str, ...]:
    """A name for each entry; no two are the same, also where upper and lower case are.

    Args:
        entries: the models.
        taken: names that mean something else in the same folder.

    Raises:
        AuditError: two entries were given the same name.
    """
    given: dict[str, Entry] = {}
    used = {name.casefold() for name in taken}
    names = []
    for entry in entries:
        if entry.name is not None and given.setdefault(entry.name, entry) is not entry:
            raise AuditError(
                f"{entry.where} and {given[entry.name].where} have the same name "
                f"{entry.name!r}; give another one"
            )
        name = file_name(_described(entry))
        if name.casefold() in used:
            name = f"{name[: LONGEST - DIGITS - 1]}-{_digest(entry)}"
        used.add(name.casefold())
        names.append(name)
    return tuple(names)


def _described(entry: Entry) -> str:
    if entry.name is not None:
        return entry.name
    own = [f"{key}-{_words(value)}" for key, value in sorted(entry.own.items())]
    return "-".join([short_name(entry.model), *own])


def _words(value: Any) -> str:
    """A setting's value; of a path the last part."""
    if isinstance(value, tuple | list):
        return "-".join(map(_words, value))
    return Path(value).name if isinstance(value, str | Path) else str(value)


def _digest(entry: Entry) -> str:
    identity = dump_json([entry.model, entry.name, entry.own])
    return hashlib.sha256(identity.encode()).hexdigest()[:DIGITS]
