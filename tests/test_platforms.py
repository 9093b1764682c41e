"""What one machine can tell of the others: nothing relies on modules that Windows lacks."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
POSIX_ONLY = {"fcntl", "grp", "pty", "pwd", "resource", "termios", "tty"}
PACKAGES = ("t2i_audit", "prompts", "synthetic")


def imported(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.split(".")[0]


def unportable(source: str) -> set[str]:
    return POSIX_ONLY & set(imported(ast.parse(source)))


@pytest.mark.parametrize("package", PACKAGES)
def test_no_module_imports_what_only_some_systems_have(package: str) -> None:
    files = sorted((ROOT / package).rglob("*.py"))

    found = {str(file): unportable(file.read_text(encoding="utf-8")) for file in files}

    assert files
    assert not {file: names for file, names in found.items() if names}


def test_such_an_import_would_be_found() -> None:
    assert unportable("def lock():\n    import fcntl\n") == {"fcntl"}
    assert unportable("from resource import getrusage") == {"resource"}
