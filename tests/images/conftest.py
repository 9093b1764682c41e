"""A small audit whose images are laid out anew, and one suite file for it."""

from __future__ import annotations

from pathlib import Path

import pytest

from prompts.suite import dump_prompts, load_suite
from t2i_audit.audit import execute, plan_audit
from t2i_audit.results.run import Run
from t2i_audit.settings import AuditSettings


@pytest.fixture(scope="session")
def suite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six prompts of two types, with foils."""
    prompts = load_suite("world-smoke").prompts
    chosen = [
        prompt
        for kind in ("relation", "one_object")
        for prompt in [each for each in prompts if each.type == kind][:3]
    ]
    path = tmp_path_factory.mktemp("suite") / "suite.jsonl"
    path.write_text(dump_prompts(chosen))
    return path


@pytest.fixture(scope="session")
def original(suite: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """An audit with 12 images; not to be changed."""
    settings = AuditSettings(
        model="builtin:sound",
        suite=str(suite),
        judge="oracle",
        device="cpu",
        out=tmp_path_factory.mktemp("runs") / "original",
        seeds=2,
        steps=3,
        denoiser_station=False,
    )
    run = execute(plan_audit(settings))
    assert run is not None
    return run
