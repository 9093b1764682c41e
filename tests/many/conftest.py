"""A small suite, and a board of two built-in checkpoints that the tests share."""

from __future__ import annotations

from pathlib import Path

import pytest

from t2i_audit.cli.main import main
from tests.audit.small import write_small_suite
from tests.many.small import PATCHY, SOUND, arguments


@pytest.fixture(scope="session")
def suite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_small_suite(tmp_path_factory.mktemp("suite"))


@pytest.fixture(scope="session")
def board(suite: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of two finished audits and their board; not to be changed."""
    out = tmp_path_factory.mktemp("board") / "board"
    assert main(arguments(suite, out, SOUND, PATCHY)) == 0
    return out
