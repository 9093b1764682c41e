"""Packed images of an audit in a store."""

from __future__ import annotations

from pathlib import Path

import pytest

import t2i_audit as t2i
from t2i_audit.cli.main import main
from tests.storage.server import BUCKET, S3
from tests.storage.test_audit import audited, objects

URL = f"s3://{BUCKET}/runs/packed"
PACKED = ("--images", "shards", "--no-denoiser-station")


@pytest.fixture(scope="module")
def packed(server: S3, small_suite: Path) -> str:
    """A run whose store failed at the third of its four shards, and which was then finished."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in server.environment.items():
            patch.setenv(name, value)
        with server.failing("PUT", r"/images/batch_00002\.tar", first=1, status=500):
            assert audited(small_suite, URL, *PACKED) == 2
        before = objects(URL)
        server.requests.clear()
        # Without the option the run keeps its layout.
        assert audited(small_suite, URL, "--no-denoiser-station") == 0
        made = [path for method, path in server.requests if method == "PUT"]
    assert [name for name in before if name.endswith(".tar")] == [
        "images/batch_00000.tar",
        "images/batch_00001.tar",
    ]
    assert not any(path.endswith(("batch_00000.tar", "batch_00001.tar")) for path in made)
    return URL


def test_there_are_as_many_objects_as_batches_and_not_as_images(packed: str, s3: S3) -> None:
    images = [name for name in objects(packed) if name.startswith("images/")]
    assert sorted(images) == [
        *(f"images/batch_{number:05d}.{end}" for number in range(4) for end in ("json", "tar")),
        "images/index.parquet",
    ]


def test_packing_changes_no_table(packed: str, s3: S3, on_disk: Path) -> None:
    there = objects(packed)
    for name in ("judgements.parquet", "prompts.parquet"):
        assert there[name] == (on_disk / name).read_bytes()


def test_every_reader_of_images_reads_packed_ones(
    packed: str, s3: S3, on_disk: Path, tmp_path: Path
) -> None:
    run, other = t2i.load_run(packed), t2i.load_run(on_disk)
    prompt_id = run.table("prompts").prompt_id[2]
    pairs = zip(run.images(prompt_id).values(), other.images(prompt_id).values(), strict=True)
    assert all(mine.tobytes() == its.tobytes() for mine, its in pairs)
    assert run.dataset()[3]["image"].tobytes() == other.dataset()[3]["image"].tobytes()
    with pytest.raises(t2i.AuditError, match=rf"images of {packed} are packed .* Run\.images"):
        run.image_paths(prompt_id)
    for to in ("datasets", "geneval"):
        assert t2i.export(packed, to=to, out=tmp_path / to).images == 8
    assert main(["label", packed, "-o", str(tmp_path / "label.html"), "--n", "4"]) == 0
    assert (tmp_path / "label.html").read_text().count("data:image/png;base64,") >= 4
    assert main(["report", packed, "-o", str(tmp_path / "page.html")]) == 0
    assert main(["report", str(on_disk), "-o", str(tmp_path / "other.html")]) == 0
    pictures = [
        (tmp_path / name).read_text().count("UklGR") for name in ("page.html", "other.html")
    ]
    assert pictures[0] == pictures[1] > 0  # WebP in base 64


def test_a_damaged_shard_and_a_missing_index_are_noticed_and_made_again(
    packed: str, s3: S3, small_suite: Path, on_disk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import fsspec

    files, root = fsspec.url_to_fs(packed)
    shard = f"{root}/images/batch_00001.tar"
    whole = files.cat_file(shard)
    changed = bytearray(whole)
    changed[1000] ^= 1  # in the first image
    files.pipe_file(shard, bytes(changed))
    index = files.cat_file(f"{root}/images/index.parquet")
    files.rm_file(f"{root}/images/index.parquet")
    assert audited(small_suite, packed, "--no-denoiser-station") == 0
    assert "is damaged; the 2 images of its batch are made again" in capsys.readouterr().err
    there = objects(packed)
    assert there["images/batch_00001.tar"] == whole
    assert there["judgements.parquet"] == (on_disk / "judgements.parquet").read_bytes()
    assert there["images/index.parquet"] == index


def test_packed_images_of_a_store_are_judged_again_and_stay_packed(packed: str, s3: S3) -> None:
    judged = f"s3://{BUCKET}/runs/packed-judged"
    assert main(["judge", packed, "--judge", "clip", "-o", judged, "--no-report"]) == 0
    there, before = objects(judged), objects(packed)
    shards = [name for name in before if name.endswith(".tar")]
    assert [there[name] for name in shards] == [before[name] for name in shards]
    assert not [name for name in there if name.startswith("images/0")]
