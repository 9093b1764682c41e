"""The engine that an audit's batches are handed to, as it is written on the command line."""

from __future__ import annotations

import re

from t2i_audit.errors import AuditError

RAY = "ray"
HOST_AND_PORT = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9_.-]+):([0-9]{1,5})")


def parse_engine(text: str) -> str | None:
    """The address in ``ray`` or ``ray:HOST:PORT``; None for the Ray of this machine.

    >>> parse_engine("ray:10.0.0.1:6379"), parse_engine("ray")
    ('10.0.0.1:6379', None)

    Raises:
        AuditError: it is neither.
    """
    name, colon, address = text.partition(":")
    if "://" in text:
        raise AuditError(
            f"--engine {text} is the address of Ray's client, which audits cannot use; give the "
            "command on a machine of the cluster, or through `ray job submit`, as --engine ray"
        )
    match = HOST_AND_PORT.fullmatch(address)
    if name != RAY or (colon and (match is None or not 0 < int(match[2]) < 65_536)):
        raise AuditError(
            f"--engine should be ray or ray:HOST:PORT, like ray:10.0.0.1:6379, not {text!r}"
        )
    return address or None
