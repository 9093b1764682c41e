"""A server of S3 for the tests of this folder, and a run on disk to compare those in it with."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from t2i_audit.cli.main import main
from tests.audit.small import arguments, write_small_suite
from tests.storage.server import S3, serving


@pytest.fixture(scope="session")
def server() -> Iterator[S3]:
    with serving() as s3:
        yield s3


@pytest.fixture
def s3(server: S3, monkeypatch: pytest.MonkeyPatch) -> S3:
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)
    server.requests.clear()
    return server


@pytest.fixture(scope="session")
def small_suite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_small_suite(tmp_path_factory.mktemp("suite"))


@pytest.fixture(scope="session")
def on_disk(small_suite: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that never saw a store; not to be changed."""
    out = tmp_path_factory.mktemp("runs") / "whole"
    assert main(arguments(small_suite, out)) == 0
    return out
