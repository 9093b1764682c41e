"""One small finished run, which the examples and the tests share; it is not to be changed."""

from __future__ import annotations

from pathlib import Path

import pytest

import t2i_audit as t2i


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which ``runs/demo`` lies."""
    folder = tmp_path_factory.mktemp("api")
    t2i.audit(
        "builtin:sound", seeds=1, limit=8, steps=2, device="cpu", out=folder / "runs" / "demo"
    )
    return folder


@pytest.fixture
def run(folder: Path) -> t2i.Run:
    """The run as a user reads it back."""
    return t2i.load_run(folder / "runs" / "demo")
