"""Imports run downwards and in no circle; the contracts stand in pyproject.toml."""

from __future__ import annotations

from pathlib import Path

import pytest
from importlinter.cli import lint_imports

ROOT = Path(__file__).parents[1]
UPWARDS = """
[tool.importlinter]
root_packages = ["t2i_audit"]

[[tool.importlinter.contracts]]
name = "The wrong way round"
type = "layers"
containers = ["t2i_audit"]
layers = ["errors", "cli"]
"""


def test_every_contract_on_imports_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT))

    assert lint_imports(str(ROOT / "pyproject.toml"), no_cache=True) == 0


def test_a_contract_that_is_broken_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "pyproject.toml").write_text(UPWARDS)
    monkeypatch.syspath_prepend(str(ROOT))

    assert lint_imports(str(tmp_path / "pyproject.toml"), no_cache=True) == 1
