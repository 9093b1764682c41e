"""What is read when a run goes on, and how damage is found that left no trace."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from t2i_audit.cli.main import main
from t2i_audit.errors import RunDirectoryError
from t2i_audit.io import write_bytes
from t2i_audit.stages.damage import damage_of, is_untouched
from t2i_audit.stages.files import ImageFile, Record, read_record, record_sums, write_record
from tests.audit.damage import contents, unfinish
from tests.audit.small import arguments

# SHA-256 of b"one" and of b"two".
ONE = "7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed"
TWO = "3fc4ccfe745870e2c0d99f71f30ff0656c8dedd41cc1d7d3d376b0dbe685e2f3"
FIRST, SECOND = "images/000000_000.png", "images/000001_000.png"


@pytest.fixture
def record(tmp_path: Path) -> Path:
    """The record of two images that were written before it."""
    for name, content in ((FIRST, b"one"), (SECOND, b"two")):
        write_bytes(tmp_path / name, content)
    path = tmp_path / "images" / "batch_00000.json"
    time.sleep(0.02)  # longer than the clock of a file system takes for a step
    images = (ImageFile("a", 0, FIRST, "", ONE), ImageFile("b", 0, SECOND, "", TWO))
    write_record(path, Record(images, None))
    time.sleep(0.02)
    return path


def untouched(record: Path) -> bool:
    return is_untouched(record.parents[1], record, tuple(record_sums(record)))


def test_files_older_than_their_record_are_as_it_says(record: Path) -> None:
    assert untouched(record)
    assert damage_of(record.parents[1], record) == ""


def overwrite(run: Path) -> None:
    (run / FIRST).write_bytes(b"two")


def exchange(run: Path) -> None:
    (run / FIRST).rename(run / "between")
    (run / SECOND).rename(run / FIRST)
    (run / "between").rename(run / SECOND)


def set_back_its_time(run: Path) -> None:
    before = (run / FIRST).stat().st_mtime_ns
    overwrite(run)
    os.utime(run / FIRST, ns=(before, before))


@pytest.mark.parametrize(
    "change",
    [overwrite, exchange, set_back_its_time, lambda run: (run / FIRST).unlink()],
    ids=["overwritten", "exchanged", "with its old time", "deleted"],
)
def test_a_file_that_was_changed_is_read(record: Path, change: Callable[[Path], None]) -> None:
    change(record.parents[1])

    assert not untouched(record)
    assert "000000_000.png is" in damage_of(record.parents[1], record)


def test_the_files_of_a_copied_run_are_read(record: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(tmp_path / "images", tmp_path / "copy" / "images")

    assert not untouched(copy / record.name)


def test_a_record_counts_by_its_contents_however_they_are_written(record: Path) -> None:
    before, text = read_record(record), record.read_text(encoding="utf-8")
    record.write_text(json.dumps(json.loads(text)), encoding="utf-8")  # on one line

    assert read_record(record) == before

    for changed in (text.replace('"b"', '"c"'), text.replace(TWO, ONE), text.replace(" ", "")[:-9]):
        record.write_text(changed, encoding="utf-8")
        with pytest.raises(RunDirectoryError, match="cannot be read"):
            read_record(record)


def without_trace(run: Path, name: str, record: str) -> None:
    """Cut a file short so that it seems older than the record of its batch."""
    os.truncate(run / name, (run / name).stat().st_size // 2)
    for each in (run / "images").glob("batch_*.json"):
        later = time.time() + 60
        os.utime(each, (later, later))
    assert is_untouched(run, run / record, tuple(record_sums(run / record)))


@pytest.mark.parametrize(
    "name",
    ["images/000001_000.png", "activations/denoiser/batch_00000.npz"],
    ids=["image", "states"],
)
def test_damage_that_left_no_trace_is_found_when_the_file_is_read_and_mended_by_the_same_command(
    name: str, whole: Path, copied: Path, suite: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    unfinish(copied)
    shutil.rmtree(copied / "judgements")
    without_trace(copied, name, "images/batch_00000.json")

    assert main(arguments(suite, copied)) == 2
    said = capsys.readouterr().err.splitlines()[-1]
    assert f"{name} is missing or damaged; give the same command again" in said

    assert main(arguments(suite, copied)) == 0
    assert contents(copied) == contents(whole)
