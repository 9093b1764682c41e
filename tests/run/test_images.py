"""The images of a run, each in a file or packed into tar files."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from t2i_audit.images.webdataset import list_webdataset
from t2i_audit.run.images import (
    MOST_FILES,
    image_size,
    image_sums,
    pack,
    packs,
    read_image,
    shard_sums,
    write_index,
)


def png(level: int) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(np.full((4, 4, 3), level, dtype=np.uint8)).save(buffer, format="PNG")
    return buffer.getvalue()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Five images in two shards."""
    for shard, levels in enumerate(((0, 1, 2), (3, 4))):
        images = [
            (
                f"{level:06d}_000.png",
                png(level),
                {"prompt_id": f"p{level}", "seed": 0, "prompt": f"a cube no. {level}, “é”"},
            )
            for level in levels
        ]
        (tmp_path / f"batch_{shard:05d}.tar").write_bytes(pack(images))
    write_index(tmp_path, sorted(tmp_path.glob("*.tar")))
    return tmp_path


def test_a_packed_image_is_read_as_if_it_were_a_file(folder: Path) -> None:
    for level in range(5):
        path = folder / f"{level:06d}_000.png"
        assert read_image(path) == png(level)
        assert image_size(path) == len(png(level))


def test_an_image_is_found_in_its_shard_before_there_is_an_index(folder: Path) -> None:
    (folder / "index.parquet").unlink()
    path = folder / "000004_000.png"
    assert read_image(path, shard=folder / "batch_00001.tar") == png(4)
    with pytest.raises(FileNotFoundError):
        read_image(path)


def test_the_datasets_library_reads_the_shards(folder: Path, tmp_path_factory: object) -> None:
    import datasets

    rows = datasets.load_dataset(
        "webdataset",
        data_files={"train": sorted(map(str, folder.glob("*.tar")))},
        split="train",
        cache_dir=str(folder / "cache"),
    )
    assert [row["json"]["prompt_id"] for row in rows] == ["p0", "p1", "p2", "p3", "p4"]
    assert rows[4]["json"]["prompt"] == "a cube no. 4, “é”"
    assert np.asarray(rows[4]["png"]).max() == 4


def test_the_judge_command_can_take_the_shards_as_images_made_elsewhere(folder: Path) -> None:
    found = list_webdataset(folder)
    assert not found.left_out
    assert [(each.prompt_id, each.seed) for each in found.entries] == [
        (f"p{level}", 0) for level in range(5)
    ]


def test_checksums_are_those_of_the_images(folder: Path) -> None:
    (sums,) = shard_sums([folder / "batch_00001.tar"])
    expected = {f"{n:06d}_000.png": hashlib.sha256(png(n)).hexdigest() for n in (3, 4)}
    assert sums == expected
    assert image_sums([folder / "000003_000.png", folder / "000009_000.png"]) == (
        expected["000003_000.png"],
        None,
    )


def test_a_shard_that_is_cut_off_has_no_checksums(folder: Path) -> None:
    shard = folder / "batch_00000.tar"
    shard.write_bytes(shard.read_bytes()[:700])
    assert shard_sums([shard, folder / "batch_00007.tar"]) == (None, None)


def test_an_index_that_leads_elsewhere_is_refused(folder: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = folder / "index.parquet"
    table = pq.read_table(path)
    shards = pa.array(["../secret.tar"] * len(table))
    place = table.schema.get_field_index("shard")
    pq.write_table(table.set_column(place, "shard", shards), path)
    with pytest.raises(OSError, match="names a file outside its folder"):
        read_image(folder / "000000_000.png")


@settings(deadline=None)
@given(st.lists(st.binary(max_size=2000), min_size=1, max_size=6))
def test_whatever_is_packed_comes_out_again(
    tmp_path_factory: pytest.TempPathFactory, contents: list[bytes]
) -> None:
    folder = tmp_path_factory.mktemp("packed")
    names = [f"{number:06d}_000.png" for number in range(len(contents))]
    rows: list[tuple[str, bytes, dict[str, object]]] = [
        (name, content, {}) for name, content in zip(names, contents, strict=True)
    ]
    shard = folder / "batch_00000.tar"
    shard.write_bytes(pack(rows))
    assert pack(rows) == shard.read_bytes()
    write_index(folder, [shard])
    assert [read_image(folder / name) for name in names] == contents


def test_more_images_than_a_folder_should_have_are_packed_and_a_run_keeps_what_it_has() -> None:
    assert not packs("auto", MOST_FILES, None)
    assert packs("auto", MOST_FILES + 1, None)
    assert not packs("auto", MOST_FILES + 1, {})
    assert packs("auto", 1, {"images": "shards"})
    assert packs("shards", 1, None)
    assert not packs("files", MOST_FILES + 1, None)
