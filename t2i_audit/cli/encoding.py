"""The encoding of standard output, which systems choose by their locale."""

from __future__ import annotations

import io
import sys


def write_utf8() -> None:
    """Have what goes into files and pipes be UTF-8, and a terminal get only what it can show.

    By its locale Windows writes cp1252, in which most prompts of the world cannot be written.
    """
    for stream in (sys.stdout, sys.stderr):
        # Tests and notebooks put other streams in their place.
        if isinstance(stream, io.TextIOWrapper) and stream.encoding.lower() != "utf-8":
            if stream.isatty():
                stream.reconfigure(errors="backslashreplace")
            else:
                stream.reconfigure(encoding="utf-8", errors=stream.errors)
