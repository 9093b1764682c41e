"""Atomic files, and what becomes of values in JSON."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path, PureWindowsPath

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from t2i_audit import io


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_is_there_once_the_block_ends(tmp_path: Path) -> None:
    io.write_text(tmp_path / "deep" / "a.txt", "später\n")

    assert (tmp_path / "deep" / "a.txt").read_text(encoding="utf-8") == "später\n"


def test_a_failing_writer_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), io.atomic_file(tmp_path / "a.txt") as temporary:
        temporary.write_text("half")
        raise RuntimeError

    assert names_in(tmp_path) == []


def test_a_failing_writer_leaves_the_earlier_file_as_it_was(tmp_path: Path) -> None:
    io.write_text(tmp_path / "a.txt", "whole")

    with pytest.raises(RuntimeError), io.atomic_file(tmp_path / "a.txt") as temporary:
        temporary.write_text("half")
        raise RuntimeError

    assert names_in(tmp_path) == ["a.txt"]
    assert (tmp_path / "a.txt").read_text() == "whole"


def test_a_value_json_cannot_hold_leaves_no_file(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="no counterpart in JSON"):
        io.write_json(tmp_path / "a.json", {"x": object()})

    assert names_in(tmp_path) == []


def test_leftovers_of_a_killed_writer_are_removed_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / f".a.png.1{io.TEMPORARY_SUFFIX}").write_text("half")
    io.write_text(tmp_path / "images" / "b.png", "whole")

    assert io.remove_leftovers(tmp_path) == 1
    assert names_in(tmp_path / "images") == ["b.png"]


def test_nan_and_infinity_become_null() -> None:
    values = {"a": float("nan"), "b": np.float32("inf"), "c": np.array([1.0, np.nan])}

    assert json.loads(io.dump_json(values)) == {"a": None, "b": None, "c": [1.0, None]}


def test_a_dataclass_becomes_an_object_of_its_fields() -> None:
    @dataclass(frozen=True)
    class Point:
        x: np.int64
        where: Path

    assert io.to_json(Point(np.int64(3), Path("a/b"))) == {"x": 3, "where": "a/b"}


@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers()
        | st.text()
        | st.floats(allow_nan=False, width=32),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    ).filter(lambda value: "Infinity" not in json.dumps(value))
)
def test_plain_values_survive_json(value: object) -> None:
    assert json.loads(io.dump_json(value)) == value


def test_an_array_survives_and_can_be_mapped(tmp_path: Path) -> None:
    array = np.arange(6, dtype=np.float16).reshape(2, 3)

    io.write_npy(tmp_path / "a.npy", array)

    np.testing.assert_array_equal(np.load(tmp_path / "a.npy", mmap_mode="r"), array)


def test_the_hash_is_the_known_one_for_abc(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")

    # FIPS 180-2, appendix B.1.
    expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert io.sha256_of(tmp_path / "a") == expected


def test_paths_are_written_with_slashes_on_every_system() -> None:
    value = {"config": PureWindowsPath(r"models\sound"), "out": Path("runs/a")}

    assert io.to_json(value) == {"config": "models/sound", "out": "runs/a"}


def test_files_are_written_where_folders_cannot_be_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import errno
    import os

    opens = os.open

    def as_on_windows(path: Path, flags: int) -> int:
        if os.path.isdir(path):
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        assert flags & os.O_RDWR  # else its fsync fails
        return opens(path, flags)

    monkeypatch.setattr(io, "OPENS_FOLDERS", False)
    monkeypatch.setattr(os, "open", as_on_windows)
    io.write_text(tmp_path / "a.txt", "whole")

    assert names_in(tmp_path) == ["a.txt"]
