"""Datasets on disk: one split is taken, never a mixture, and a broken file is one sentence."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from prompts.suite import load_suite
from t2i_audit.cli.main import main


def put(name: str, *texts: str, **more: Any) -> None:
    """Write a file of rows, of the kind that its name says."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = [{"prompt": text, **more} for text in texts]
    if path.suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(rows), path)
    elif path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    else:
        path.write_text("".join(f"{text},x\n" for text in ("prompt", *texts)), encoding="utf-8")


def taken(*arguments: str) -> list[str]:
    assert main(["prompts", "import", "datasets", *arguments, "-o", "out.jsonl"]) == 0
    return [prompt.text for prompt in load_suite("out.jsonl").prompts]


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    capsys.readouterr()
    assert main(["prompts", "import", "datasets", *arguments, "-o", "no/out.jsonl"]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert not Path("no").exists()
    return captured.err


LAYOUTS = {
    "files": ("set/train.parquet", "set/test.parquet"),
    "shards": ("set/train-00000-of-00001.parquet", "set/test-00000-of-00001.parquet"),
    "data": ("set/data/train-00000-of-00001.parquet", "set/data/test-00000-of-00001.parquet"),
    "folders": ("set/train/a.parquet", "set/test/a.parquet"),
    "words": ("set/my_train_set.parquet", "set/my-test-v2.parquet"),
    "json lines": ("set/train.jsonl", "set/test.jsonl"),
    "csv": ("set/train.csv", "set/test.csv"),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_split_asked_for_is_taken_and_no_other(
    layout: str, capsys: pytest.CaptureFixture[str]
) -> None:
    train, test = LAYOUTS[layout]
    put(train, "a cat")
    put(test, "a dog")

    assert taken("set", "--dataset-split", "train") == ["a cat"]
    assert taken("set", "--dataset-split", "test") == ["a dog"]
    for wrong in (("--dataset-split", "validation"), ()):
        said = refused(capsys, "set", *wrong)
        assert "the splits test, train; name one with --dataset-split" in said


def test_splits_of_any_name_and_their_other_names_are_known(
    capsys: pytest.CaptureFixture[str],
) -> None:
    put("set/val.jsonl", "a cat")
    put("set/train_sft-00000-of-00002.jsonl", "a dog")
    put("set/train_sft-00001-of-00002.jsonl", "an owl")

    assert taken("set", "--dataset-split", "val") == ["a cat"]
    assert taken("set", "--dataset-split", "validation") == ["a cat"]
    assert taken("set", "--dataset-split", "train_sft") == ["a dog", "an owl"]
    assert "the splits train_sft, validation" in refused(capsys, "set", "--dataset-split", "train")


def test_a_split_of_files_that_name_none(capsys: pytest.CaptureFixture[str]) -> None:
    put("set/a.parquet", "a cat")
    put("set/b.parquet", "a dog")

    assert taken("set") == ["a cat", "a dog"]
    assert taken("set", "--dataset-split", "train") == ["a cat", "a dog"]
    assert "has no split 'test', only the split train" in refused(
        capsys, "set", "--dataset-split", "test"
    )
    assert "has no split 'nonsense'" in refused(
        capsys, "set/a.parquet", "--dataset-split", "nonsense"
    )
    put("set/test.parquet", "an owl")
    assert "the splits a, b, test" in refused(capsys, "set")
    assert taken("set", "--dataset-split", "a") == ["a cat"]


def test_a_single_file_has_the_split_of_its_name(capsys: pytest.CaptureFixture[str]) -> None:
    put("train-00000-of-00001.parquet", "a cat")

    assert taken("train-00000-of-00001.parquet") == ["a cat"]
    assert "only the split train" in refused(
        capsys, "train-00000-of-00001.parquet", "--dataset-split", "test"
    )


def test_configurations_are_not_mixed(capsys: pytest.CaptureFixture[str]) -> None:
    put("set/plain/train-00000-of-00001.parquet", "a cat")
    put("set/fancy/train-00000-of-00001.parquet", "a glorious cat")
    put("set/.cache/train.parquet", "hidden")

    assert "has several configurations (fancy, plain)" in refused(capsys, "set")
    assert taken("set/plain") == ["a cat"]


def test_what_save_to_disk_wrote_is_taken_by_its_splits(
    capsys: pytest.CaptureFixture[str],
) -> None:
    import datasets

    cats, dogs = (datasets.Dataset.from_dict({"prompt": [t]}) for t in ("a cat", "a dog"))
    datasets.DatasetDict({"train": cats, "test": dogs}).save_to_disk("both")
    cats.save_to_disk("one")

    assert taken("both", "--dataset-split", "test") == ["a dog"]
    for wrong in (("--dataset-split", "nonsense"), ()):
        assert "the splits train, test" in refused(capsys, "both", *wrong)
    assert taken("one") == ["a cat"]
    assert "has no split 'test'" in refused(capsys, "one", "--dataset-split", "test")


def test_columns_ids_and_bytes_of_a_parquet_file(capsys: pytest.CaptureFixture[str]) -> None:
    put("a.parquet", "a cat", item_id=7.0, image={"bytes": b"\x00", "path": "x"}, tags=["x", None])

    assert main(["prompts", "import", "datasets", "a.parquet", "-o", "out.jsonl"]) == 0

    assert (
        "column 'image' holds images or other binary data and was left out"
        in capsys.readouterr().out
    )
    (prompt,) = load_suite("out.jsonl").prompts
    assert (prompt.id, prompt.metadata) == ("7", {"tags": ["x", None]})


def test_a_broken_parquet_file_is_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    put("set/a.parquet", *(f"a cat number {n}" for n in range(5000)))
    put("set/b.parquet", "a dog")
    whole = Path("set/a.parquet").read_bytes()

    Path("set/b.parquet").write_bytes(whole[:1000])
    assert "set: b.parquet is not a Parquet file" in refused(capsys, "set")
    # Damaged within: the end of the file, which says what it holds, is sound.
    Path("set/b.parquet").write_bytes(whole[:100] + b"\xff" * 400 + whole[500:])
    assert "set: b.parquet is not a Parquet file" in refused(capsys, "set")
    put("set/b.parquet", "a dog", other=1)
    assert "b.parquet has the columns prompt, other, and a.parquet has prompt" in refused(
        capsys, "set"
    )


def test_other_files_given_as_datasets_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    put("a.csv", "a cat")
    put("a.jsonl", "a cat")
    Path("empty").mkdir()

    assert "is not a Parquet file" in (said := refused(capsys, "a.csv"))
    assert "import it with csv" in said
    assert "import it with jsonl" in refused(capsys, "a.jsonl")
    assert "has no readable files" in refused(capsys, "empty")
    for name in ("./missing", "missing.parquet", "a/b/missing"):
        assert f"dataset {name} is neither a file nor a folder" in refused(capsys, name)
    put("mixed/train.csv", "a cat")
    put("mixed/train.parquet", "a dog")
    assert "has files of several kinds (.csv, .parquet)" in refused(capsys, "mixed")


@pytest.mark.parametrize(
    ("format_", "option"),
    [
        ("text", "--text-column"),
        ("csv", "--dataset-split"),
        ("geneval", "--id-column"),
        ("datasets", "--encoding"),
        ("text", "--delimiter"),
    ],
)
def test_an_option_that_says_nothing_of_the_format_is_refused(
    format_: str, option: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("a").write_text("a cat\n", encoding="utf-8")

    assert main(["prompts", "import", format_, "a", option, "x", "-o", "out.jsonl"]) == 2
    assert f"{option} does not apply to {format_}" in capsys.readouterr().err
    assert not Path("out.jsonl").exists()


@pytest.mark.parametrize("disabled", [False, True])
def test_the_progress_bars_of_datasets_are_as_they_were(disabled: bool) -> None:
    datasets = pytest.importorskip("datasets")
    datasets.Dataset.from_dict({"prompt": ["a cat"]}).save_to_disk("one")
    switch = datasets.disable_progress_bars if disabled else datasets.enable_progress_bars
    before = datasets.are_progress_bars_disabled()
    switch()
    try:
        assert taken("one") == ["a cat"]

        assert datasets.are_progress_bars_disabled() == disabled
    finally:
        (datasets.disable_progress_bars if before else datasets.enable_progress_bars)()
