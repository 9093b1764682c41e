"""What one machine can tell of the others: nothing relies on modules that Windows lacks."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
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


def without_encoding(source: str) -> Iterator[int]:
    """Lines of calls whose text is in the encoding of the system; ruff finds those of `open`."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call):
            names = {keyword.arg for keyword in node.keywords}
            if names & {"text", "universal_newlines", "errors"} and "encoding" not in names:
                function = ast.unparse(node.func)
                if function.startswith("subprocess."):
                    yield node.lineno


@pytest.mark.parametrize("package", (*PACKAGES, "scripts"))
def test_what_processes_write_is_read_in_an_encoding_that_is_named(package: str) -> None:
    files = sorted((ROOT / package).rglob("*.py"))

    found = {str(file): list(without_encoding(file.read_text(encoding="utf-8"))) for file in files}

    assert not {file: lines for file, lines in found.items() if lines}


def test_such_a_process_would_be_found() -> None:
    assert list(without_encoding("import subprocess\nsubprocess.run(x, text=True)")) == [2]
    assert not list(without_encoding("subprocess.run(x, encoding='utf-8')"))


def test_what_is_redirected_is_utf_8_whatever_the_locale(tmp_path: Path) -> None:
    suite = tmp_path / "suite.jsonl"
    prompt = {
        "id": "a",
        "type": "one",
        "template": "one",
        "text": "ein später Kreis → ☃",
        "constituents": [],
    }
    suite.write_text(json.dumps(prompt, ensure_ascii=False) + "\n", encoding="utf-8")
    locale = {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
    code = "import sys; from t2i_audit.cli.main import main; sys.exit(main(sys.argv[1:]))"
    command = [sys.executable, "-c", code, "prompts", "filter", str(suite)]
    command += ["--sample", "1", "-o", "-"]

    done = subprocess.run(command, env={**os.environ, **locale}, capture_output=True)

    assert done.returncode == 0, done.stderr
    assert "ein später Kreis → ☃" in done.stdout.decode("utf-8")


def test_such_an_import_would_be_found() -> None:
    assert unportable("def lock():\n    import fcntl\n") == {"fcntl"}
    assert unportable("from resource import getrusage") == {"resource"}
