"""Names of files and folders that every file system takes.

Windows takes neither ``<>:"/\\|?*`` nor control characters, no name that ends in a dot or a space,
and no name of a device, whatever its ending; see "Naming Files, Paths, and Namespaces" in its
documentation. It and macOS take upper and lower case for the same.
"""

from __future__ import annotations

import hashlib
import re

LONGEST = 100  # characters; file systems take 255 bytes, and endings are added
DIGITS = 8  # of a hash, which keeps shortened names apart
DEVICE = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\.|$)", re.IGNORECASE)


def file_name(text: str) -> str:
    """`text` in at most `LONGEST` characters that every file system takes.

    >>> file_name("org/name:tag"), file_name("NUL.v2"), file_name("...")
    ('org-name-tag', '_NUL.v2', 'run')
    """
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", text).strip("-.") or "run"
    if DEVICE.match(name):
        name = f"_{name}"
    if len(name) <= LONGEST:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:DIGITS]
    return f"{name[: LONGEST - DIGITS - 1]}-{digest}"
