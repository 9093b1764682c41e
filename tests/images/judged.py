"""What tests ask of a run of images made elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from t2i_audit.cli.main import main
from t2i_audit.io import read_json
from t2i_audit.results.run import Run, load_run

CLIP = "clip:builtin:clip-judge"


def judge(images: Path, out: Path, *more: str, by: str = "oracle") -> int:
    return main(["judge", str(images), "--judge", by, "--device", "cpu", "-o", str(out), *more])


def judged(images: Path, out: Path, *more: str, by: str = "oracle") -> Run:
    assert judge(images, out, *more, by=by) == 0
    return load_run(out)


def verdicts(run: Run) -> dict[tuple[str, int], Any]:
    """What was judged of each image by its prompt and seed, and the checksum of its file."""
    columns = ("correct", "slots", "margin", "chosen", "flaw", "image_sha256")
    return {
        (row.prompt_id, row.seed): tuple(str(getattr(row, name)) for name in columns)
        for row in run.table("judgements").itertuples()
    }


def left_out(run: Run) -> dict[str, tuple[str, str]]:
    """Kind and reason of each image that was left out."""
    listed = read_json(run.path / "sources.json")["left_out"]
    return {each["file"]: (each["kind"], each["reason"]) for each in listed}
