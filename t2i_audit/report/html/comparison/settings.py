"""The settings and versions in which two runs differ."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from t2i_audit.printable import printable
from t2i_audit.report.html.chart import Table
from t2i_audit.run.directory import read_manifest

SHOWN = 8  # hexadecimal digits of a hash
HASH = re.compile(r"\b[0-9a-f]{64}\b")


def settings_table(base: Path, candidate: Path) -> Table | None:
    """What the manifests of the runs in `base` and `candidate` do not share; None for nothing.

    Raises:
        RunDirectoryError: a manifest cannot be read.
    """
    one, other = (_flat(_recorded(run)) for run in (base, candidate))
    names = [name for name in dict.fromkeys([*one, *other]) if one.get(name) != other.get(name)]
    if not names:
        return None
    rows = tuple(
        (printable(name), one.get(name, "not set"), other.get(name, "not set")) for name in names
    )
    caption = f"What differs; a hash is cut to {SHOWN} digits."
    return Table(caption, ("setting", "base", "candidate"), rows)


def _recorded(run: Path) -> dict[str, Any]:
    manifest = read_manifest(run)
    return {**manifest.settings, "version of": dict(manifest.versions)}


def _flat(settings: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    flat: dict[str, str] = {}
    for name, value in settings.items():
        if isinstance(value, dict):
            flat |= _flat(value, f"{prefix}{name}.")
        else:
            text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
            flat[prefix + name] = HASH.sub(lambda match: match[0][:SHOWN], printable(text))
    return flat
