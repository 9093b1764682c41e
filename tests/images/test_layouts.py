"""Images in any layout are judged as they were in the run that made them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from t2i_audit.images.found import find_images
from t2i_audit.reporter import SILENT
from t2i_audit.results.run import Run
from t2i_audit.settings import ImagesOptions
from tests.images.judged import judge, judged, verdicts
from tests.images.layouts import (
    LAYOUTS,
    as_compbench,
    as_csv,
    as_geneval,
    as_image_folder,
    as_parquet,
    as_webdataset,
)


@pytest.mark.parametrize("name", LAYOUTS)
def test_every_layout_gives_the_verdicts_of_the_run_that_made_the_images(
    name: str, original: Run, suite: Path, tmp_path: Path
) -> None:
    layout, write = LAYOUTS[name]

    run = judged(write(original, tmp_path / "theirs"), tmp_path / "out", "--suite", str(suite))

    assert run.manifest.settings["images"]["layout"] == layout
    assert verdicts(run) == verdicts(original)
    assert run.summary.success == original.summary.success
    assert run.summary.repeatability == original.summary.repeatability
    assert run.summary.model == "theirs"
    assert run.summary.associations is None and run.summary.attribution is None


def test_without_a_suite_a_dataset_of_a_run_brings_its_prompts(
    original: Run, tmp_path: Path
) -> None:
    run = judged(as_parquet(original, tmp_path / "theirs"), tmp_path / "out")

    assert verdicts(run) == verdicts(original)
    assert run.summary.suite == "theirs"
    columns = ["prompt_id", "text", "type", "split", "constituents", "foils"]
    prompts = run.table("prompts").sort_values("prompt_id")[columns]
    expected = original.table("prompts").sort_values("prompt_id")[columns]
    assert prompts.values.tolist() == expected.values.tolist()


@pytest.mark.parametrize("write", [as_geneval, as_compbench, as_image_folder, as_webdataset])
def test_without_a_suite_the_prompts_are_the_texts_in_the_metadata(
    write: Callable[[Run, Path], Path], original: Run, tmp_path: Path
) -> None:
    found = find_images(write(original, tmp_path / "theirs"), ImagesOptions(), SILENT)

    assert {prompt.text for prompt in found.prompts} == set(original.table("prompts").text)
    assert len(found.sources.images) == 12
    assert found.sources.n_seeds == 2


def test_images_named_by_id_alone_need_a_suite(
    original: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert judge(as_csv(original, tmp_path / "theirs"), tmp_path / "out") == 2
    assert "give --suite" in capsys.readouterr().err


def test_structure_in_genevals_metadata_gives_prompts_with_foils(
    original: Run, tmp_path: Path
) -> None:
    image = next((original.path / "images").glob("*.png"))
    for row, colour in enumerate(("red", "blue")):
        samples = tmp_path / f"{row:05d}" / "samples"
        samples.mkdir(parents=True)
        metadata = {
            "tag": "colors",
            "include": [{"class": "cup", "count": 1, "color": colour}],
            "prompt": f"a photo of a {colour} cup",
        }
        (samples.parent / "metadata.jsonl").write_text(json.dumps(metadata))
        shutil.copy(image, samples / "0000.png")

    found = find_images(tmp_path, ImagesOptions(), SILENT)

    assert [part.value for part in found.prompts[0].constituents] == ["red", "cup"]
    assert [foil.change for foil in found.prompts[0].foils] == ["colour_replaced"]


@pytest.mark.parametrize("file", ["images.csv", "part-0.tar", "train-00000-of-00001.parquet"])
def test_a_table_an_archive_or_a_parquet_file_may_stand_for_its_folder(
    file: str, original: Run, suite: Path, tmp_path: Path
) -> None:
    write = {"images.csv": as_csv, "part-0.tar": as_webdataset}.get(file, as_parquet)
    root = write(original, tmp_path / "theirs")
    (path,) = root.rglob(file)

    run = judged(path, tmp_path / "out", "--suite", str(suite))

    assert verdicts(run).items() <= verdicts(original).items()
    assert run.summary.n_images == (6 if file == "part-0.tar" else 12)


def test_a_layout_may_be_given_where_a_folder_has_two(
    original: Run, suite: Path, tmp_path: Path
) -> None:
    folder = as_image_folder(original, tmp_path / "theirs")
    as_webdataset(original, tmp_path / "tars")
    shutil.copy(tmp_path / "tars" / "part-0.tar", folder)

    run = judged(folder, tmp_path / "out", "--suite", str(suite), "--layout", "table")

    assert run.summary.n_images == 12


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda root: (root / "images.csv").unlink(), "has no layout that is known"),
        (lambda root: shutil.rmtree(root), "does not exist"),
        (lambda root: (root / "images.csv").write_text("name,prompt\na,b\n"), "column of file"),
        (lambda root: (root / "images.csv").write_text("file,prompt,seed\na,b,x\n"), "its seed"),
        (lambda root: (root / "other.csv").write_text("file,prompt\na,b\n"), "several tables"),
        (lambda root: (root / "b.tar").write_bytes(b"no archive" * 100), "is no tar file"),
        (lambda root: (root / "b.parquet").write_bytes(b"PAR1"), "is no Parquet file"),
        (lambda root: (root / "images.csv").write_text("file,prompt\nnone.png,b\n"), "none of"),
    ],
)
def test_a_folder_that_cannot_be_read_is_one_sentence(
    spoil: Callable[[Path], object],
    said: str,
    original: Run,
    suite: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder = as_csv(original, tmp_path / "theirs")
    spoil(folder)

    assert judge(folder, tmp_path / "out", "--suite", str(suite)) == 2

    error = capsys.readouterr().err.splitlines()
    assert said in error[-1] and error[-1].startswith("t2i-audit: ")
    assert not (tmp_path / "out").exists()
