"""Whole audits of tiny checkpoints of four families, from a folder, through the program."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from t2i_audit.cli.main import main
from t2i_audit.run.tables import read_rows, table_path
from tests.families.checkpoints import FAMILIES


@pytest.fixture(scope="module")
def judge(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an open_clip model of random weights: tiny pictures are no scenes to read."""
    import open_clip
    import torch
    from safetensors.torch import save_file

    vision = {"image_size": 16, "patch_size": 8, "width": 16, "layers": 1, "head_width": 8}
    text = {"context_length": 77, "vocab_size": 49408, "width": 16, "heads": 2, "layers": 1}
    config = {"embed_dim": 8, "vision_cfg": vision, "text_cfg": text}
    folder = tmp_path_factory.mktemp("judge")
    (folder / "open_clip_config.json").write_text(
        json.dumps({"model_cfg": config, "preprocess_cfg": {}})
    )
    torch.manual_seed(0)
    state = open_clip.CLIP(8, vision_cfg=vision, text_cfg=text).state_dict()
    save_file(
        {name: each.contiguous() for name, each in state.items()},
        folder / "open_clip_model.safetensors",
    )
    return folder


@pytest.mark.parametrize(
    "name", ["stable-diffusion-xl", "stable-diffusion-3", "flux-1", "qwen-image"]
)
def test_an_audit_runs_from_the_folder_to_the_figure(
    name: str, family_folder: Any, judge: Path, tmp_path: Path
) -> None:
    side = str(FAMILIES[name].side)
    options = (
        f"--suite world-smoke --judge clip:local-dir:{judge} --device cpu --limit 16 --seeds 1 "
        f"--batch-size 8 --steps 2 --height {side} --width {side}"
    )
    code = main(["audit", str(family_folder(name)), *options.split(), "--out", str(tmp_path / "r")])
    run = tmp_path / "r"

    assert code == 0
    assert json.loads((run / "summary.json").read_text())["n_images"] == 16
    assert json.loads((run / "manifest.json").read_text())["settings"]["sampler"]["height"] == 16
    rows: list[dict[str, Any]] = read_rows(table_path(run, "probes"), "probes")
    assert {row["station"] for row in rows} == {"text_encoder", "denoiser"}
    # Inside the denoiser a word's own tokens are never read for that word.
    inside = [(str(row["position"]), row["slot"]) for row in rows]
    inside = [(position, slot) for position, slot in inside if "@" in position]
    assert bool(inside) == (name != "stable-diffusion-xl")
    assert all(position.partition("@")[0] != slot for position, slot in inside)
    assert {file.name for file in (run / "figures").iterdir()} == {
        "where_lost.png",
        "where_lost.svg",
    }
