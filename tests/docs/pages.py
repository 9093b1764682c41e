"""The pages of the manual and the fenced blocks in them."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path

from markdown_it import MarkdownIt

ROOT = Path(__file__).resolve().parents[2]
README = ROOT / "README.md"
DOCS = ROOT / "docs"


@dataclass(frozen=True)
class Block:
    """One fenced block.

    Its info string is a language and options, such as ``console test="parse"``. The options
    are ``title`` (the block is a file of this name), ``test`` (``run`` or ``parse``)
    and ``exit`` (the exit code of its last command).
    """

    page: Path
    line: int
    language: str
    options: dict[str, str]
    text: str

    @property
    def where(self) -> str:
        """Page and line, for messages."""
        return f"{self.page.relative_to(ROOT)}:{self.line}"

    @property
    def runs(self) -> bool:
        """Whether it is run, and not only parsed."""
        return self.options.get("test", "run") == "run"


@dataclass(frozen=True)
class Command:
    """A line of a console session, and what the page shows that it prints."""

    line: str
    output: str


def pages() -> list[Path]:
    """README and every page of the manual."""
    return [README, *sorted(DOCS.rglob("*.md"))]


def blocks(page: Path) -> list[Block]:
    """The fenced blocks of `page`, in order."""
    found = []
    for token in MarkdownIt().parse(page.read_text(encoding="utf-8")):
        if token.type == "fence":
            language, *rest = shlex.split(token.info) or [""]
            options = dict(word.split("=", 1) for word in rest)
            line = (token.map or [0])[0] + 1
            found.append(Block(page, line, language, options, token.content))
    return found


def commands(block: Block) -> list[Command]:
    """The commands of a ``console`` block (lines that begin with ``$ ``) or a ``bash`` block."""
    if block.language == "bash":
        return [Command(line, "") for line in _joined(block.text) if line.strip()]
    found: list[Command] = []
    for line in _joined(block.text):
        if line.startswith("$ "):
            found.append(Command(line[2:], ""))
        elif found:
            found[-1] = Command(found[-1].line, found[-1].output + line + "\n")
        elif line.strip():
            raise ValueError(f"{block.where} does not begin with a command: {line!r}")
    return found


def _joined(text: str) -> list[str]:
    """Lines, those that end in a backslash joined with the next."""
    return text.replace("\\\n", " ").splitlines()
