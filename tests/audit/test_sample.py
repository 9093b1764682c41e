"""A sample of a suite, and what is said of its head."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from prompts.suite import load_suite
from t2i_audit.audit import execute, plan_audit
from t2i_audit.cli.main import main
from t2i_audit.errors import RunDirectoryError
from t2i_audit.settings import AuditSettings


def settings(out: Path, **changes: object) -> AuditSettings:
    fixed = {"model": "builtin:sound", "judge": "clip", "seeds": 1, "steps": 1, "device": "cpu"}
    return AuditSettings(**{"suite": "world-smoke", **fixed, "out": out, **changes})  # type: ignore[arg-type]


def test_a_sample_is_even_over_types_and_splits_and_keeps_the_suites_order(
    tmp_path: Path,
) -> None:
    whole = [prompt.id for prompt in load_suite("world").prompts]

    drawn = plan_audit(settings(tmp_path / "run", suite="world", sample=30)).prompts

    groups = Counter((prompt.type, prompt.split) for prompt in drawn)
    assert len(drawn) == 30 and max(groups.values()) - min(groups.values()) <= 1
    places = [whole.index(prompt.id) for prompt in drawn]
    assert places == sorted(places)


def test_it_is_the_sample_that_prompts_filter_draws(tmp_path: Path) -> None:
    command = "prompts filter world --sample 30 --by type --by split --seed 5 -o"
    assert main([*command.split(), str(tmp_path / "drawn.jsonl")]) == 0

    plan = plan_audit(settings(tmp_path / "run", suite="world", sample=30, seed=5))

    assert plan.prompts == load_suite(str(tmp_path / "drawn.jsonl")).prompts


def test_the_manifest_has_the_sample_and_another_one_is_another_run(tmp_path: Path) -> None:
    asked = settings(tmp_path / "run", sample=8, denoiser_station=False)
    execute(plan_audit(asked))

    manifest = json.loads((tmp_path / "run" / "manifest.json").read_text())
    assert (manifest["settings"]["sample"], manifest["settings"]["prompts"]) == (8, 8)
    with pytest.raises(RunDirectoryError, match="sample is 8 there and 9 here"):
        plan_audit(settings(tmp_path / "run", sample=9, denoiser_station=False))


def test_a_head_that_lacks_types_has_a_note(tmp_path: Path) -> None:
    head, rest = (plan_audit(settings(tmp_path / "run", limit=limit)) for limit in (1, None))

    (note,) = [note for note in head.inputs.notes if note.startswith("--limit")]
    assert "--limit takes the first 1 of" in note and "--sample 1 draws evenly" in note
    assert not [note for note in rest.inputs.notes if "--limit" in note]
