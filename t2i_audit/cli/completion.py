"""The words that a shell offers for the values of options and arguments.

A shell asks the program at each press of the key, so nothing heavy is imported here, and nothing is
read but the names of files.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

Completion = Callable[[str], list[str]]
"""From what was typed to the words that begin so; none lets the shell offer files."""

MOST_FOLDERS = 1_000  # that are looked into for runs
# Names that mean the same to every shell without quotes; for others it offers files itself.
PLAIN = re.compile(r"[\w./@+,=-]+")


def models(incomplete: str) -> list[str]:
    """The built-in checkpoints that make images."""
    from t2i_audit.models.builtin import builtin_names

    return _beginning(incomplete, builtin_names("generator"))


def suites(incomplete: str) -> list[str]:
    """The suites that ship with the program."""
    from prompts.suite import list_suites

    return _beginning(incomplete, list_suites())


def judges(incomplete: str) -> list[str]:
    """The kinds of judges; of several that commas separate the last is completed."""
    from t2i_audit.judges.load import NAMES

    first, comma, last = incomplete.rpartition(",")
    return [f"{first}{comma}{name}" for name in _beginning(last, NAMES)]


def runs(incomplete: str) -> list[str]:
    """The run directories below what was typed, such as those in ``runs``."""
    from t2i_audit.run.handle import MANIFEST

    folder, _, start = incomplete.rpartition("/")
    root = f"{folder}/" if folder or incomplete.startswith("/") else ""
    found = [
        name
        for name in islice(_folders(root, start), MOST_FOLDERS)
        if os.path.isfile(f"{name}/{MANIFEST}") and PLAIN.fullmatch(name)
    ]
    return sorted(found)


VALUES: dict[str, Completion] = {
    "model": models,
    "models": models,
    "probe": models,
    "suite": suites,
    "prompts": suites,
    "judge": judges,
    "run": runs,
    "runs": runs,
}
"""By the name of a field of the settings, what is offered for it."""


def _beginning(start: str, words: tuple[str, ...]) -> list[str]:
    return [word for word in words if word.startswith(start)]


def _folders(root: str, start: str) -> Iterator[str]:
    """The folders in `root` whose names begin with `start`, each with those inside it."""
    for name in _inside(Path(root or "."), start):
        yield f"{root}{name}"
        for inner in _inside(Path(root, name), ""):
            yield f"{root}{name}/{inner}"


def _inside(folder: Path, start: str) -> list[str]:
    try:
        with os.scandir(folder) as entries:
            return sorted(
                entry.name
                for entry in entries
                if entry.name.startswith(start)
                and (start or not entry.name.startswith("."))
                and entry.is_dir()
            )
    except OSError:
        return []
