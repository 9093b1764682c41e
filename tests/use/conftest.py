"""A small audit whose use is measured in a few seconds; the runs are not to be changed."""

from __future__ import annotations

import shutil
from itertools import product
from pathlib import Path

import pytest

import t2i_audit as t2i
from prompts.suite import dump_prompts
from prompts.world import Content, write
from tests.use.small import AUDIT, USE


@pytest.fixture(scope="session")
def suite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """16 prompts: two values in each of four slots, and one value in the fifth."""
    contents = product(
        ("red", "blue"), ("left of", "right of"), ("green", "yellow"), ("star", "cross")
    )
    prompts = [
        write(Content(((colour, "circle"), (other, shape)), relation))
        for colour, relation, other, shape in contents
    ]
    path = tmp_path_factory.mktemp("use-suite") / "suite.jsonl"
    path.write_text(dump_prompts(tuple(prompts)))
    return path


@pytest.fixture(scope="session")
def audited(suite: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An audit without use."""
    out = tmp_path_factory.mktemp("use") / "run"
    t2i.audit("builtin:sound", suite=suite, out=out, **AUDIT)
    return out


@pytest.fixture(scope="session")
def measured(audited: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same audit, of which use was measured undisturbed."""
    out = shutil.copytree(audited, tmp_path_factory.mktemp("use") / "measured")
    t2i.use(out, **USE)
    return out


@pytest.fixture
def copied(audited: Path, tmp_path: Path) -> Path:
    return shutil.copytree(audited, tmp_path / "run")


@pytest.fixture
def copied_measured(measured: Path, tmp_path: Path) -> Path:
    return shutil.copytree(measured, tmp_path / "run")
