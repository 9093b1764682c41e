"""Files of the driver's disk on machines that do not have them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from t2i_audit.engine import files
from t2i_audit.engine.files import FileServer, local_path, sent_path


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(files, "CHUNK", 5)
    return tmp_path / "cache"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    model = tmp_path / "disk" / "model"
    (model / "unet").mkdir(parents=True)
    (model / "model_index.json").write_text("{}")
    (tmp_path / "blob").write_bytes(b"weights in more chunks than one")
    (model / "unet" / "weights.safetensors").symlink_to(tmp_path / "blob")  # as in the hub's cache
    (model / "unet" / "weights.bin").write_bytes(b"a pickle")
    (model / ".git").mkdir()
    (model / ".git" / "config").write_text("secret")
    return model


def test_a_machine_that_has_the_files_uses_them_where_they_are(folder: Path, cache: Path) -> None:
    sent = sent_path(str(folder))

    def nobody(path: str, offset: int) -> bytes:
        raise AssertionError("nothing is to be fetched")

    assert local_path(sent, nobody) == folder
    assert not cache.exists()


def test_others_fetch_them_once_and_keep_the_folders_name(folder: Path, cache: Path) -> None:
    sent = sent_path(str(folder))
    whole = {name: (folder / name).read_bytes() for name, _, _ in sent.files}
    drivers = folder.rename(folder.with_name("out of reach"))
    server = FileServer((replace(sent, path=str(drivers)),))
    fetched: list[str] = []

    def fetch(path: str, offset: int) -> bytes:
        fetched.append(path)
        return server.read(path.replace(str(folder), str(drivers)), offset)

    there = local_path(sent, fetch)
    count = len(fetched)

    assert there.name == "model" and there.is_relative_to(cache)
    assert {name: (there / name).read_bytes() for name in whole} == whole
    assert set(whole) == {"model_index.json", "unet/weights.safetensors"}
    assert local_path(sent, fetch) == there and len(fetched) == count
    weights = "unet/weights.safetensors"
    (there / weights).write_bytes(b"cut short")
    local_path(sent, fetch)
    assert (there / weights).read_bytes() == whole[weights]


def test_no_other_file_can_be_read(folder: Path, tmp_path: Path) -> None:
    server = FileServer((sent_path(str(folder)),))

    for path in (tmp_path / "blob", folder / ".git" / "config", folder / "unet" / ".." / "x"):
        with pytest.raises(ValueError, match="none of the files"):
            server.read(str(path), 0)
