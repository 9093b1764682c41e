"""Features in memory and on disk."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from t2i_audit.run.features import (
    FeaturePart,
    FeatureWriter,
    gather_parts,
    open_features,
    read_part,
    write_part,
)

KEY = ("unet", "mid_block@step_0", "grid")


def part(*ids: str, fill: float = 1.0) -> FeaturePart:
    return FeaturePart(ids, {KEY: np.full((len(ids), 3), fill, dtype=np.float32)})


def test_a_folder_without_its_index_is_not_whole(tmp_path: Path) -> None:
    FeatureWriter("denoiser", 2, folder=tmp_path).put(KEY, [0], np.ones((1, 3), dtype=np.float32))
    with pytest.raises(FileNotFoundError):
        open_features(tmp_path)


def test_closing_leaves_only_finished_files(tmp_path: Path) -> None:
    writer = FeatureWriter("denoiser", 2, folder=tmp_path)
    writer.put(KEY, [0], np.ones((1, 3), dtype=np.float32))
    writer.close()

    assert sorted(file.name for file in tmp_path.iterdir()) == ["0000.npy", "index.json"]


def test_values_too_large_for_half_precision_are_kept_in_single(tmp_path: Path) -> None:
    writer = FeatureWriter("denoiser", 2, folder=tmp_path)
    writer.put(KEY, [0], np.ones((1, 3), dtype=np.float32))
    writer.put(KEY, [1], np.full((1, 3), 1e6, dtype=np.float32))
    (features,) = writer.close()

    assert features.values.dtype == np.float32
    np.testing.assert_array_equal(features.values, [[1, 1, 1], [1e6, 1e6, 1e6]])


def test_rows_never_written_are_invalid() -> None:
    writer = FeatureWriter("denoiser", 3)
    writer.put(KEY, [1], np.ones((1, 3), dtype=np.float32))
    (features,) = writer.close()

    assert features.valid.tolist() == [False, True, False]


def test_a_part_reads_back_as_it_was_written(tmp_path: Path) -> None:
    write_part(tmp_path / "part.npz", part("a", "b", fill=0.5))
    read = read_part(tmp_path / "part.npz")

    assert read.prompt_ids == ("a", "b")
    np.testing.assert_array_equal(read.arrays[KEY], np.full((2, 3), 0.5))


def test_equal_parts_give_equal_bytes(tmp_path: Path) -> None:
    for name in ("one.npz", "two.npz"):
        write_part(tmp_path / name, part("a", "b"))

    assert (tmp_path / "one.npz").read_bytes() == (tmp_path / "two.npz").read_bytes()


def test_gathered_rows_stand_in_the_suites_order_whatever_the_order_of_parts() -> None:
    parts = [part("c", fill=3), part("b", "a", fill=2)]
    (features,) = gather_parts(parts, ["a", "b", "c"])

    np.testing.assert_array_equal(features.values[:, 0], [2, 2, 3])


def test_an_empty_part_reads_back_empty(tmp_path: Path) -> None:
    write_part(tmp_path / "part.npz", FeaturePart((), {}))

    assert read_part(tmp_path / "part.npz").prompt_ids == ()


HOSTILE = ["../../x", "/tmp/x", "a/b", "a|b", "%s{}", "long" * 500, ".", "file", "a.npy", "a"]


@pytest.mark.parametrize("where", ["disk", "part"])
def test_names_from_outside_never_become_paths(where: str, tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "folder"
    folder.mkdir(parents=True)
    arrays = {
        (name, name, name): np.full((2, 3), number, dtype=np.float32)
        for number, name in enumerate(HOSTILE)
    }
    if where == "disk":
        writer = FeatureWriter("denoiser", 2, folder=folder)
        for key, values in arrays.items():
            writer.put(key, [0, 1], values)
        kept = {(f.encoder, f.layer, f.position): f.values for f in writer.close()}
    else:
        write_part(folder / "part.npz", FeaturePart(("../a", "b/c"), arrays))
        part = read_part(folder / "part.npz")
        kept = part.arrays
        assert part.prompt_ids == ("../a", "b/c")

    assert list(kept) == list(arrays)
    for key, values in arrays.items():
        np.testing.assert_array_equal(kept[key], values)
    assert {file.parent for file in tmp_path.rglob("*") if file.is_file()} == {folder}
