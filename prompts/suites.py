"""Prompt suites on disk: JSON Lines, one prompt with its whole structure a line.

The shipped suites lie in `prompts/suites/` and are made by `scripts/build_suites.py`.
"""

from __future__ import annotations

import difflib
import hashlib
import json
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from prompts.structure import Prompt

if TYPE_CHECKING:
    from pydantic import TypeAdapter

SHIPPED = Path(__file__).parent / "suites"


class SuiteFormatError(ValueError):
    """A suite cannot be found, read or used; the text is one sentence with the mend."""


@dataclass(frozen=True)
class Suite:
    """Prompts that are audited together."""

    name: str
    prompts: tuple[Prompt, ...]

    @property
    def sha256(self) -> str:
        """Content hash, the same whatever the order of the rows or the formatting of the file."""
        rows = sorted(json.dumps(asdict(prompt), sort_keys=True) for prompt in self.prompts)
        return hashlib.sha256("\n".join(rows).encode()).hexdigest()

    def limited(self, count: int | None) -> Suite:
        """The first `count` prompts, or all of them."""
        if count is None or count >= len(self.prompts):
            return self
        return Suite(self.name, self.prompts[:count])


def list_suites() -> tuple[str, ...]:
    """Names of the shipped suites, sorted."""
    return tuple(sorted(path.stem for path in SHIPPED.glob("*.jsonl")))


def load_suite(source: str) -> Suite:
    """Load a shipped suite by name, or a JSON Lines file by path.

    Raises `SuiteFormatError` naming the file and line.
    """
    if source in list_suites():
        return Suite(source, read_prompts(SHIPPED / f"{source}.jsonl"))
    path = Path(source)
    if path.is_file():
        return Suite(path.stem, read_prompts(path))
    near = difflib.get_close_matches(source, list_suites(), cutoff=0.4)
    hint = f"did you mean {' or '.join(near)}?" if near else f"there are {', '.join(list_suites())}"
    found = "is a folder, not a suite file" if path.is_dir() else "is no suite and no file"
    raise SuiteFormatError(f"suite {source!r} {found}; {hint}")


@cache
def _row() -> TypeAdapter[Prompt]:
    from pydantic import TypeAdapter

    return TypeAdapter(Prompt)


def read_prompts(path: Path) -> tuple[Prompt, ...]:
    """Read and check every line of a suite file; blank lines are skipped.

    Raises `SuiteFormatError` for an unreadable or empty file and for the first faulty line.
    """
    from pydantic import ValidationError

    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError:
        raise SuiteFormatError(f"suite {path} is not UTF-8 text; save it as JSON Lines") from None
    except OSError as error:
        raise SuiteFormatError(f"suite {path} cannot be read: {error.strerror}") from None
    prompts: dict[str, Prompt] = {}
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        where = f"suite {path}, line {number}"
        try:
            prompt = _row().validate_json(line)
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(str(step) for step in first["loc"]) or "the row"
            raise SuiteFormatError(f"{where}: {place}: {first['msg']}") from None
        fault = fault_of(prompt)
        if fault:
            raise SuiteFormatError(f"{where}: {fault}")
        if prompt.id in prompts:
            raise SuiteFormatError(f"{where}: id {prompt.id!r} occurs twice; make ids unique")
        prompts[prompt.id] = prompt
    if not prompts:
        raise SuiteFormatError(f"suite {path} is empty; write one prompt a line as JSON")
    return tuple(prompts.values())


def fault_of(prompt: Prompt) -> str | None:
    """What is wrong with a prompt's structure, or None."""
    if not prompt.text.strip():
        return "text is empty"
    if not prompt.text.isprintable():
        return "text has a control character; write plain text"
    last = 0
    slots: set[str] = set()
    for part in sorted(prompt.constituents, key=lambda part: part.start):
        if not 0 <= part.start < part.end <= len(prompt.text):
            return f"span {part.start}-{part.end} of {part.slot!r} is outside the text"
        if part.start < last:
            return f"span {part.start}-{part.end} of {part.slot!r} overlaps the one before it"
        if part.slot in slots:
            return f"slot {part.slot!r} is filled twice"
        if not part.entities:
            return f"slot {part.slot!r} belongs to no entity"
        last = part.end
        slots.add(part.slot)
    return None


def dump_prompts(prompts: tuple[Prompt, ...]) -> str:
    """The text of a suite file."""
    return "".join(json.dumps(asdict(prompt), ensure_ascii=False) + "\n" for prompt in prompts)
