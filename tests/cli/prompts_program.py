"""The commands of ``t2i-audit prompts``, as the tests give them."""

from __future__ import annotations

from pathlib import Path

from t2i_audit.cli.main import main


def prompts(*arguments: str) -> int:
    return main(["prompts", *arguments])


def make(name: str = "own.jsonl", *arguments: str) -> Path:
    """Generate a suite of 60 prompts in the current folder."""
    assert prompts("generate", "world", "-n", "60", "-o", name, *arguments) == 0
    return Path(name)


def filter_(*arguments: str) -> int:
    return prompts("filter", *arguments)
