"""Whole audits of tiny checkpoints of the families, from a folder, through the program."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from t2i_audit.cli.main import main
from t2i_audit.run.tables import read_rows, table_path
from tests.families.checkpoints import FAMILIES, JOINT, build
from tests.families.which import others_slow
from tests.tiny import tiny_open_clip


@pytest.fixture(scope="module")
def judge(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An open_clip model of random weights: tiny images are no scenes to read."""
    return tiny_open_clip(tmp_path_factory.mktemp("judge") / "tiny-clip")


# The others' code makes large images whatever is asked for, which takes a minute each.
SMALL = [name for name, family in FAMILIES.items() if not family.attributes]


# Of 16 prompts slots are read, which takes half a minute each.
@pytest.mark.parametrize("prompts", [4, pytest.param(16, marks=pytest.mark.slow)])
@others_slow(SMALL)
def test_an_audit_runs_from_the_folder_to_the_figure(
    name: str, prompts: int, family_folder: Any, judge: Path, tmp_path: Path
) -> None:
    side = FAMILIES[name].side
    options = (
        f"--suite world-smoke --judge clip:local-dir:{judge} --device cpu --limit {prompts} "
        f"--seeds 1 --batch-size 8 --steps 2 --height {side} --width {side} --random-weights 1 "
        "--no-report"
    )
    code = main(["audit", str(family_folder(name)), *options.split(), "--out", str(tmp_path / "r")])
    run = tmp_path / "r"

    assert code == 0
    assert json.loads((run / "summary.json").read_text())["n_images"] == prompts
    assert json.loads((run / "manifest.json").read_text())["settings"]["sampler"]["height"] == side
    rows: list[dict[str, Any]] = read_rows(table_path(run, "probes"), "probes")
    assert {row["station"] for row in rows} == {"text_encoder", "denoiser"}
    # Inside the denoiser a word's own tokens are never read for that word.
    inside = [(str(row["position"]), row["slot"]) for row in rows]
    inside = [(position, slot) for position, slot in inside if "@" in position]
    assert bool(inside) == (name in JOINT)
    assert all(position.partition("@")[0] != slot for position, slot in inside)
    assert {file.name for file in (run / "figures").iterdir()} == {
        "where_lost.png",
        "where_lost.svg",
    }


@pytest.mark.parametrize(("part", "said"), [("prior", "no image"), ("decoder", "no prompt")])
def test_half_a_pipeline_is_refused_before_anything_is_written(
    part: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    getattr(build("kandinsky-2.2"), f"{part}_pipe").save_pretrained(tmp_path / part)
    capsys.readouterr()

    assert main(["audit", str(tmp_path / part), "--out", str(tmp_path / "run")]) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "run").exists()
