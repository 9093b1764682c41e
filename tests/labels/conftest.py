"""A small run whose images are labelled."""

from __future__ import annotations

from pathlib import Path

import pytest

from prompts.suite import dump_prompts
from prompts.world import Content, write
from t2i_audit.cli.main import main
from tests.audit.small import PARTS, arguments


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four prompts of two images each; not to be changed."""
    folder = tmp_path_factory.mktemp("labelled")
    suite = folder / "suite.jsonl"
    suite.write_text(dump_prompts(tuple(write(Content((part,))) for part in PARTS)))
    assert main(arguments(suite, folder / "run")) == 0
    return folder / "run"
