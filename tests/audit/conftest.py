"""Fixtures of the small audit that several modules of tests damage, divide and resume."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from t2i_audit.cli.main import main
from tests.audit.small import arguments, write_small_suite


@pytest.fixture(scope="module")
def suite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_small_suite(tmp_path_factory.mktemp("suite"))


@pytest.fixture(scope="module")
def whole(suite: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that went through undisturbed; not to be changed."""
    out = tmp_path_factory.mktemp("runs") / "whole"
    assert main(arguments(suite, out)) == 0
    return out


@pytest.fixture
def copied(whole: Path, tmp_path: Path) -> Path:
    return shutil.copytree(whole, tmp_path / "run")
