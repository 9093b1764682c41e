"""A run in GenEval's layout: what its scripts and the audit itself read back."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import t2i_audit as t2i
from prompts.structure import Prompt
from prompts.suite import dump_prompts
from t2i_audit.errors import AuditError


@pytest.fixture(scope="module")
def folder(audit: t2i.Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("exported") / "geneval"
    done = t2i.export(audit, to="geneval", out=out)
    assert (done.images, done.notes) == (24, ())
    return out


def seen_by_its_evaluator(folder: Path) -> dict[str, dict[str, object]]:
    """The images that GenEval's ``evaluate_images.py`` walks through, with their metadata."""
    found = {}
    for subfolder in folder.iterdir():
        if not subfolder.is_dir() or not subfolder.name.isdigit():
            continue
        metadata = json.loads((subfolder / "metadata.jsonl").read_text())
        for image in (subfolder / "samples").iterdir():
            if re.match(r"\d+\.png", image.name):
                found[image.relative_to(folder).as_posix()] = metadata
    return found


def test_its_evaluator_finds_every_image_with_its_prompt(folder: Path, audit: t2i.Run) -> None:
    found = seen_by_its_evaluator(folder)

    assert len(found) == 24
    texts = audit.table("prompts").set_index("prompt_id").text
    for name, metadata in found.items():
        own = audit.image_paths(str(metadata["id"]))[int(Path(name).stem)]
        assert (folder / name).read_bytes() == own.read_bytes()
        assert metadata["prompt"] == texts[metadata["id"]]
        assert {"tag", "include"} <= metadata.keys()


def test_its_summary_script_prints_the_success_of_the_run(folder: Path, audit: t2i.Run) -> None:
    # The lines of GenEval's summary_scores.py that compute something.
    df = pd.read_json(folder / "results.jsonl", orient="records", lines=True)
    tasks = [task_df["correct"].mean() for _, task_df in df.groupby("tag", sort=False)]

    assert len(df.groupby("metadata")) == 12
    assert audit.summary.success is not None
    success = audit.summary.success
    assert df["correct"].mean() == pytest.approx(success.overall.estimate)
    by_type = [rate.estimate for rate in success.by_type.values()]
    assert np.mean(tasks) == pytest.approx(np.mean(by_type))
    assert list(df.columns) == [
        "filename", "tag", "prompt", "correct", "reason", "metadata", "details",
    ]  # fmt: skip


def test_a_wrong_image_says_which_slots_are_wrong(folder: Path, audit: t2i.Run) -> None:
    results = {}
    for line in (folder / "results.jsonl").read_text().splitlines():
        result = json.loads(line)
        key = json.loads(result["metadata"])["id"], int(Path(result["filename"]).stem)
        results[key] = result["reason"]

    table = audit.table("judgements")
    own = table[table.judge == "oracle"]
    assert not own.correct.all()
    for row in own.itertuples():
        reason = results[row.prompt_id, row.seed]
        wrong = [slot for slot, right in row.slots.items() if not right]
        assert re.findall(r"^wrong (.*)$", reason, re.MULTILINE) == wrong
        assert bool(reason) == (not row.correct)


def test_the_folder_is_judged_again_as_the_same_prompts_and_images(
    folder: Path, audit: t2i.Run, tmp_path: Path
) -> None:
    again = t2i.judge(folder, "oracle", suite="world-smoke", limit=12, out=tmp_path / "again")

    keys = ["prompt_id", "seed", "image_sha256", "correct"]
    own = audit.table("judgements")
    expected = own[own.judge == "oracle"][keys].reset_index(drop=True)
    assert again.table("judgements")[keys].equals(expected)


def judged(tmp_path: Path, prompts: Sequence[Prompt], labels: Sequence[str]) -> t2i.Run:
    """A run of JPEGs, one of each prompt, that a person judged; an empty label is none."""
    (tmp_path / "suite.jsonl").write_text(dump_prompts(tuple(prompts)))
    images, labelled = ["file_name,prompt_id,seed"], ["prompt_id,seed,rater,correct"]
    for number, (prompt, label) in enumerate(zip(prompts, labels, strict=True)):
        pixels = np.random.default_rng(number).integers(0, 255, (64, 64, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"{number}.jpg")
        images.append(f"{number}.jpg,{prompt.id},0")
        if label:
            labelled.append(f"{prompt.id},0,me,{label}")
    (tmp_path / "images.csv").write_text("\n".join(images))
    (tmp_path / "labels.csv").write_text("\n".join(labelled))
    judge = f"human:{tmp_path / 'labels.csv'}"
    suite = tmp_path / "suite.jsonl"
    return t2i.judge(tmp_path / "images.csv", judge, suite=suite, out=tmp_path / "run")


def a_storm() -> Prompt:
    return Prompt("storm", "a storm", "text", "text", ())


def test_other_formats_become_png_with_the_pixels_that_were_judged(tmp_path: Path) -> None:
    run = judged(tmp_path, t2i.load_suite("world-smoke").limited(1).prompts, ["yes"])

    t2i.export(run, to="geneval", out=tmp_path / "out")

    with Image.open(tmp_path / "out/00000/samples/0000.png") as image:
        assert image.format == "PNG"
        exported = np.asarray(image)
    with Image.open(tmp_path / "0.jpg") as image:
        assert np.array_equal(exported, np.asarray(image.convert("RGB")))


def test_what_it_cannot_express_and_what_is_undecided_is_left_out_and_counted(
    tmp_path: Path,
) -> None:
    first, second = t2i.load_suite("world-smoke").limited(2).prompts
    run = judged(tmp_path, [first, a_storm(), second], ["no", "yes", ""])

    done = t2i.export(run, to="geneval", out=tmp_path / "out")

    assert done.images == 2
    assert done.notes == (
        "1 image left out: GenEval's metadata cannot express the prompt",
        "1 image without a verdict, and so without a row in results.jsonl",
    )
    assert sorted(seen_by_its_evaluator(tmp_path / "out")) == [
        "00000/samples/0000.png",
        "00002/samples/0000.png",
    ]
    (result,) = (tmp_path / "out" / "results.jsonl").read_text().splitlines()
    assert json.loads(result)["correct"] is False


def test_a_suite_of_which_it_can_express_nothing_is_refused(tmp_path: Path) -> None:
    run = judged(tmp_path, [a_storm()], ["yes"])

    with pytest.raises(AuditError, match="can express none of the prompts"):
        t2i.export(run, to="geneval", out=tmp_path / "out")
    assert not (tmp_path / "out").exists()
