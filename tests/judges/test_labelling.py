"""A judge's verdicts on the images of a run as labels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from prompts.structure import Prompt
from prompts.world import Content, write
from t2i_audit.errors import JudgeError
from t2i_audit.io import sha256_of
from t2i_audit.judges.oracle import OracleJudge
from t2i_audit.labels.label import Label
from t2i_audit.reporter import SILENT
from t2i_audit.stages.labelling import labels_by
from t2i_audit.world.render import render
from t2i_audit.world.scenes import place

CONTENT = Content((("red", "star"),))
STAR = write(CONTENT)
# A prompt that the oracle cannot judge: it has no constituents.
TEXT = Prompt("text", "joy", "text", "plain", (), (), None)


def kept(run: Path, prompt: Prompt, pixels: np.ndarray) -> dict[str, Any]:
    """A row of the table of judgements, and its image."""
    path = run / f"{prompt.id}.png"
    Image.fromarray(pixels).save(path)
    row = {"prompt_id": prompt.id, "seed": 0, "image": path.name}
    return {**row, "image_sha256": sha256_of(path)}


def test_images_that_the_judge_cannot_judge_get_no_label(tmp_path: Path) -> None:
    drawn = render([place(CONTENT, np.random.default_rng(0))])[0]
    rows = [kept(tmp_path, STAR, drawn), kept(tmp_path, TEXT, np.full((32, 48, 3), 7, np.uint8))]

    labels = labels_by(OracleJudge(), tmp_path, rows, [STAR, TEXT], SILENT)

    slots = {"object_1.colour": True, "object_1.shape": True}
    assert labels == [Label(STAR.id, 0, "oracle", True, slots)]


def test_a_judge_that_reads_none_of_the_images_calls_none_of_them_wrong(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    rows = [kept(tmp_path, STAR, noise)]

    with pytest.raises(JudgeError, match="this is no score of 0"):
        labels_by(OracleJudge(), tmp_path, rows, [STAR], SILENT)
