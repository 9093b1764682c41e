"""A run as a dataset: what `datasets` and the audit itself read back."""

from __future__ import annotations

import json
from pathlib import Path

import datasets
import pytest
from huggingface_hub import DatasetCard

import t2i_audit as t2i
from t2i_audit.export.dataset import write_dataset
from t2i_audit.reporter import SILENT


@pytest.fixture(scope="module")
def folder(audit: t2i.Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("exported") / "set"
    assert t2i.export(audit, to="datasets", out=out).images == 24
    return out


def loaded(folder: Path, cache: Path) -> datasets.Dataset:
    return datasets.load_dataset(str(folder), split="test", cache_dir=str(cache))


def test_the_library_reads_the_verdicts_of_the_table(
    folder: Path, audit: t2i.Run, tmp_path: Path
) -> None:
    rows = loaded(folder, tmp_path)

    table = audit.table("judgements")
    own = table[table.judge == "oracle"]
    assert rows["prompt_id"][:] == own.prompt_id.tolist()
    assert rows["seed"][:] == own.seed.tolist()
    assert rows["correct"][:] == own.correct.tolist()
    slots = [{each["slot"]: each["correct"] for each in row} for row in rows["slots"]]
    assert slots == own.slots.tolist()
    second = [row[1] for row in rows["verdicts"]]
    assert [each["judge"] for each in second] == ["clip"] * 24
    assert [each["correct"] for each in second] == table[table.judge == "clip"].correct.tolist()


def test_the_images_are_those_of_the_run_byte_for_byte(
    folder: Path, audit: t2i.Run, tmp_path: Path
) -> None:
    rows = loaded(folder, tmp_path).cast_column("image", datasets.Image(decode=False))

    for row in rows:
        path = audit.image_paths(row["prompt_id"])[row["seed"]]
        assert row["image"]["bytes"] == path.read_bytes()
        assert row["image"]["path"] == path.name


def test_the_library_shows_the_column_as_images(folder: Path, tmp_path: Path) -> None:
    rows = loaded(folder, tmp_path)

    assert isinstance(rows.features["image"], datasets.Image)
    assert rows[0]["image"].size == (64, 64)


def test_many_files_hold_the_same_rows_as_one(audit: t2i.Run, folder: Path, tmp_path: Path) -> None:
    assert write_dataset(audit, tmp_path / "parts", SILENT, file_bytes=10_000) == 24

    files = sorted(path.name for path in (tmp_path / "parts" / "data").iterdir())
    assert len(files) > 2
    assert files[0] == f"test-00000-of-{len(files):05d}.parquet"
    parts, whole = loaded(tmp_path / "parts", tmp_path / "a"), loaded(folder, tmp_path / "b")
    assert parts.to_list() == whole.to_list()


def test_a_judge_of_the_folder_judges_the_same_suite_and_images(
    folder: Path, audit: t2i.Run, tmp_path: Path
) -> None:
    again = t2i.judge(folder, "oracle", out=tmp_path / "again", name="sound")

    settings = again.manifest.settings
    assert settings["suite_sha256"] == audit.manifest.settings["suite_sha256"]
    keys = ["prompt_id", "seed", "image_sha256", "correct"]
    own = audit.table("judgements")
    expected = own[own.judge == "oracle"][keys].reset_index(drop=True)
    assert again.table("judgements")[keys].equals(expected)


def test_the_card_names_the_files_and_the_success(folder: Path, audit: t2i.Run) -> None:
    card = DatasetCard.load(folder / "README.md")

    assert card.data.configs == [
        {
            "config_name": "default",
            "data_files": [{"split": "test", "path": "data/test-*.parquet"}],
        }
    ]
    assert card.data.size_categories == ["n<1K"]
    assert audit.summary.success is not None
    rate = audit.summary.success.overall
    assert f"| all | {rate} | 24 |" in card.text


def test_a_hostile_model_name_adds_no_field_to_the_card(copied: Path, tmp_path: Path) -> None:
    name = "mine\n---\nlicense: mit\n# x: 'y' | z"
    rename(copied, name)

    t2i.export(copied, to="datasets", out=tmp_path / "set")

    card = DatasetCard.load(tmp_path / "set" / "README.md")
    assert card.data.license is None
    assert card.data.pretty_name == "world-smoke images of " + name.replace("\n", "\\n")


def rename(run: Path, model: str) -> None:
    """Give a run another model's name, as if that had been audited."""
    from t2i_audit.io import sha256_of

    summary, manifest = run / "summary.json", run / "manifest.json"
    summary.write_text(json.dumps({**json.loads(summary.read_text()), "model": model}))
    record = json.loads(manifest.read_text())
    record["files"]["summary.json"] = sha256_of(summary)
    manifest.write_text(json.dumps(record))
