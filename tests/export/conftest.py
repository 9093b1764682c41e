"""Finished runs that the tests export; they are not to be changed."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import t2i_audit as t2i


@pytest.fixture(scope="session")
def audit(tmp_path_factory: pytest.TempPathFactory) -> t2i.Run:
    """An audit with two judges."""
    return t2i.audit(
        "builtin:sound",
        suite="world-smoke",
        judge="oracle,clip",
        seeds=2,
        limit=12,
        steps=3,
        random_weights=1,
        device="cpu",
        out=tmp_path_factory.mktemp("runs") / "audit",
    )


@pytest.fixture(scope="session")
def probe(tmp_path_factory: pytest.TempPathFactory) -> t2i.Run:
    """The run of a probe, which made no images."""
    out = tmp_path_factory.mktemp("runs") / "probe"
    return t2i.probe(
        "builtin:sound",
        suite="world-relations",
        limit=150,
        random_weights=1,
        device="cpu",
        out=out,
    )


@pytest.fixture
def copied(audit: t2i.Run, tmp_path: Path) -> Path:
    """A copy of the audit, to be damaged."""
    return shutil.copytree(audit.path, tmp_path / "copied")
