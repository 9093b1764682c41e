"""URLs in place of paths, and what may be shown of them."""

from __future__ import annotations

import re
from pathlib import Path

# At least two letters, as C:/runs is a path on Windows. `Path` makes one slash of two.
_URL = re.compile(r"(?P<protocol>[A-Za-z][A-Za-z0-9+.-]+):/{1,3}(?P<rest>[^/].*)?", re.DOTALL)
_ON_DISK = ("file", "local")
# A key may hold slashes; what looks like a port is none: hdfs://host:8020/a@b.
_CREDENTIALS = re.compile(r"(:/{1,3})[^/@:\s]*:(?!\d+/)[^@\s]*@")


def is_url(value: str | Path) -> bool:
    """Whether `value` is a URL, also one that went through `Path`.

    >>> is_url("s3://bucket/runs/a"), is_url(Path("s3://bucket/runs/a")), is_url("runs/a")
    (True, True, False)
    """
    return _URL.fullmatch(str(value)) is not None


def normal_url(value: str | Path) -> str:
    """A URL with two slashes after its protocol and none at its end.

    >>> normal_url(Path("s3://bucket/runs/a/"))
    's3://bucket/runs/a'
    """
    match = _URL.fullmatch(str(value))
    assert match is not None
    return f"{match['protocol'].lower()}://{(match['rest'] or '').rstrip('/')}"


def path_on_disk(value: str | Path) -> Path | None:
    """The path that ``file://`` names; None for any other URL.

    >>> path_on_disk("file:///runs/a").as_posix()
    '/runs/a'
    """
    protocol, _, rest = str(value).partition(":")
    if protocol.lower() not in _ON_DISK:
        return None
    return Path("/" + rest.lstrip("/"))


def has_secret(url: str) -> bool:
    """Whether a URL holds a password or a key.

    >>> has_secret("s3://key:secret@bucket/a"), has_secret("sftp://me@host/a")
    (True, False)
    """
    return _CREDENTIALS.search(url) is not None


def masked(text: str) -> str:
    """`text` without the credentials that URLs in it may hold.

    >>> masked("s3://key:secret@bucket/runs/a")
    's3://***@bucket/runs/a'
    """
    return _CREDENTIALS.sub(r"\1***@", text)
