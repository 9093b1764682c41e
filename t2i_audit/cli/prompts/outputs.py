"""Checks of the output of a command, before it reads or writes anything."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TextIO

from t2i_audit.cli.prompts.streams import STREAM
from t2i_audit.errors import SuiteError


def check_output(
    output: str,
    inputs: Iterable[str | Path],
    *,
    option: str = "-o",
    is_folder: bool = False,
    is_text: bool = True,
) -> None:
    """Refuse an output that cannot be written, or that would overwrite what is read.

    Args:
        output: the file to write, or ``-``.
        inputs: files, folders, and ``-`` for standard input; missing ones are ignored.
        option: the option that names the output, for messages.
        is_folder: whether a folder is written, not a file.
        is_text: whether text is written, which may go to a device or a named pipe.

    Raises:
        SuiteError: the output cannot be written, or is an input.
    """
    if not output:
        raise SuiteError(f"{option} is empty; name a file")
    target = _status_of(sys.stdout) if output == STREAM else _status(Path(output))
    shown = "standard output" if output == STREAM else f"{option} {output}"
    for source in inputs:
        given = _status_of(sys.stdin) if source == STREAM else _status(Path(source))
        if given is None:
            continue
        if target is not None and os.path.samestat(target, given) and _is_persistent(target):
            raise SuiteError(
                f"{shown} is {_name_of(source)} itself, which is being read and would be "
                "overwritten; name another file"
            )
        if target is not None and stat.S_ISDIR(given.st_mode) and output != STREAM:
            folder = Path(source).resolve()
            if Path(output).resolve().is_relative_to(folder) and stat.S_ISREG(target.st_mode):
                raise SuiteError(
                    f"{shown} is a file of the folder {source}, which is being read, and would be "
                    "overwritten; name another file"
                )
    if output == STREAM:
        return
    if target is not None and stat.S_ISDIR(target.st_mode) and not is_folder:
        raise SuiteError(f"{shown} is a folder; name a file")
    if target is not None and not is_text and not _is_persistent(target):
        raise SuiteError(f"{shown} is a device or a pipe; name a plain file")
    for folder in Path(output).absolute().parents:
        if folder.exists():
            if not folder.is_dir():
                raise SuiteError(f"{shown} is inside {folder}, which is a file; name a folder")
            break


def _is_persistent(status: os.stat_result) -> bool:
    """Whether what is written there persists, unlike on a terminal or /dev/null."""
    return stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode)


def _name_of(source: str | Path) -> str:
    return "the file on standard input" if source == STREAM else str(source)


def _status(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except (OSError, ValueError):
        # A hub id, or a missing file, which its reader will report.
        return None


def _status_of(stream: TextIO) -> os.stat_result | None:
    try:
        return os.fstat(stream.fileno())
    except (OSError, ValueError, AttributeError):
        return None
