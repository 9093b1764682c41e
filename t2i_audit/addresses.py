"""What users call the folders in which the files of a store are worked on.

A run in a store is worked on in a folder of this machine. Messages, tables and pages name what the
user gave, which is the URL; `as_given` puts it in the folder's place.
"""

from __future__ import annotations

_urls: dict[str, str] = {}
"""Folder -> the URL that may be shown for it."""


def name_folder(folder: str, url: str) -> None:
    """Have `folder` be called `url` from now on; `url` must hold no credentials."""
    _urls[folder] = url


def as_given(text: str) -> str:
    """`text` with URLs in the place of the folders that stand for them.

    >>> name_folder("/tmp/copy-1", "s3://bucket/runs/a")
    >>> as_given("/tmp/copy-1/summary.json is missing")
    's3://bucket/runs/a/summary.json is missing'
    """
    for folder, url in _urls.items():
        if folder in text:
            text = text.replace(folder, url)
    return text
