"""Prompt suites on disk: JSON Lines with one prompt and its structure per line.

The shipped suites are in `prompts/suites/`; `scripts/build_suites.py` generates them.
"""

from __future__ import annotations

import difflib
import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from prompts.errors import SuiteFormatError
from prompts.formats.native import (
    Header,
    dump_prompt,
    fault_of,
    file_lines,
    read_header,
    read_lines,
)
from prompts.structure import Prompt

__all__ = [
    "SHIPPED",
    "Suite",
    "SuiteFormatError",
    "dump_prompts",
    "fault_of",
    "iter_prompts",
    "list_suites",
    "load_suite",
    "read_prompts",
    "read_suite_header",
    "suite_path",
]

SHIPPED = Path(__file__).parent / "suites"


@dataclass(frozen=True)
class Suite:
    """Prompts that are audited together.

    >>> load_suite("smoke").limited(2).name
    'smoke'
    """

    name: str
    prompts: tuple[Prompt, ...]

    @property
    def sha256(self) -> str:
        """Hash of the content, independent of the order of prompts and of the file's formatting.

        >>> suite = load_suite("smoke")
        >>> suite.sha256 == Suite("other", suite.prompts[::-1]).sha256
        True
        """
        rows = sorted(json.dumps(_content(prompt), sort_keys=True) for prompt in self.prompts)
        return hashlib.sha256("\n".join(rows).encode()).hexdigest()

    def limited(self, count: int | None) -> Suite:
        """The first `count` prompts, or all of them if `count` is None.

        >>> len(load_suite("smoke").limited(8).prompts)
        8
        """
        if count is None or count >= len(self.prompts):
            return self
        return Suite(self.name, self.prompts[:count])


def _content(prompt: Prompt) -> dict[str, Any]:
    content = asdict(prompt)
    # Prompts without metadata keep the hash from before metadata was introduced.
    if not prompt.metadata:
        del content["metadata"]
    return content


def list_suites() -> tuple[str, ...]:
    """The names of the shipped suites, sorted.

    >>> list_suites()[:3]
    ('attributes', 'complex', 'counting')
    """
    return tuple(sorted(path.stem for path in SHIPPED.glob("*.jsonl")))


def load_suite(source: str) -> Suite:
    """Load a shipped suite by name, or a JSON Lines file by path.

    Raises:
        SuiteFormatError: there is no such suite, or a line is faulty; the message has the line.

    >>> suite = load_suite("smoke")
    >>> suite.name, len(suite.prompts)
    ('smoke', 60)
    """
    path = suite_path(source)
    return Suite(path.stem, read_prompts(path))


def read_prompts(path: Path) -> tuple[Prompt, ...]:
    """Read and check every line of a suite file; blank lines are skipped.

    Raises:
        SuiteFormatError: the file cannot be read or is empty, a line is faulty, or an id is not
            unique.

    >>> len(read_prompts(suite_path("smoke")))
    60
    """
    return _unique(iter_prompts(path), source=f"suite {path}")


def iter_prompts(path: Path) -> Iterator[Prompt]:
    """The prompts of a suite file, one at a time; ids are not compared.

    Raises:
        SuiteFormatError: as for `read_prompts`, once the faulty line is reached.

    >>> sum(1 for _ in iter_prompts(suite_path("smoke")))
    60
    """
    source = f"suite {path}"
    return read_lines(file_lines(path, source=source), source=source)


def read_suite_header(path: Path) -> Header | None:
    """The header of a suite file with the origin of its prompts, or None.

    Raises:
        SuiteFormatError: the file cannot be read, or its header is faulty.

    >>> read_suite_header(suite_path("smoke")).licence
    'CC0-1.0'
    """
    source = f"suite {path}"
    return read_header(file_lines(path, source=source), source=source)[0]


def suite_path(source: str) -> Path:
    """The file of a shipped suite, by name, or of another suite, by path.

    Raises:
        SuiteFormatError: there is no such suite; the message has similar names.

    >>> suite_path("smoke").name
    'smoke.jsonl'
    """
    if source in list_suites():
        return SHIPPED / f"{source}.jsonl"
    path = Path(source)
    if path.is_file():
        return path
    near = difflib.get_close_matches(source, list_suites(), cutoff=0.4)
    hint = f"did you mean {' or '.join(near)}?" if near else f"there are {', '.join(list_suites())}"
    found = "is a folder, not a suite file" if path.is_dir() else "is neither a suite nor a file"
    raise SuiteFormatError(f"suite {source!r} {found}; {hint}")


def _unique(prompts: Iterable[Prompt], *, source: str) -> tuple[Prompt, ...]:
    by_id: dict[str, Prompt] = {}
    for number, prompt in enumerate(prompts, start=1):
        if prompt.id in by_id:
            raise SuiteFormatError(
                f"{source}, prompt {number}: id {prompt.id!r} occurs twice; make the ids unique"
            )
        by_id[prompt.id] = prompt
    return tuple(by_id.values())


def dump_prompts(prompts: Iterable[Prompt]) -> str:
    """The text of a suite file, without a header.

    >>> dump_prompts(load_suite("smoke").prompts).count("\\n")
    60
    """
    return "".join(dump_prompt(prompt) for prompt in prompts)
