"""What text encoders made of a suite is not made again when a run goes on, unless it changed."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from t2i_audit.cli.main import main
from t2i_audit.io import TEMPORARY_SUFFIX
from tests.audit.damage import contents, cut_short, delete, unfinish
from tests.audit.small import arguments

FOLDERS = ("text_encoder", "random_weights_1", "random_weights_2", "random_weights_3")
FIRST = "activations/text_encoder/0000.npy"
RECORD = "activations/text_encoder/encoded.json"


def written(run: Path) -> dict[str, bool]:
    """Whether each folder of encodings holds the very files that were there before."""
    return {
        name: all(path.stat().st_nlink == 2 for path in (run / "activations" / name).glob("*.npy"))
        for name in FOLDERS
    }


@pytest.fixture
def watched(copied: Path, tmp_path: Path) -> Path:
    """An unfinished run whose files have second names, which those written anew will not have."""
    unfinish(copied)
    for name in FOLDERS:
        folder = copied / "activations" / name
        for path in folder.glob("*.npy"):
            kept = tmp_path / "kept" / name
            kept.mkdir(parents=True, exist_ok=True)
            os.link(path, kept / path.name)
    return copied


def test_encodings_that_are_as_they_were_are_taken_as_they_are(
    watched: Path, whole: Path, suite: Path
) -> None:
    assert main(arguments(suite, watched)) == 0

    assert all(written(watched).values())
    assert contents(watched) == contents(whole)


def other_versions(run: Path) -> None:
    path = run / RECORD
    record = json.loads(path.read_text())
    record["versions"]["torch"] = "0.1"
    path.write_text(json.dumps(record))


def change_one_state(run: Path) -> None:
    content = bytearray((run / FIRST).read_bytes())
    content[-1] ^= 1
    # In place, so that its second name stays.
    with (run / FIRST).open("r+b") as file:
        file.write(content)


def write_nonsense(run: Path) -> None:
    (run / RECORD).write_text('{"files": {}}')


@pytest.mark.parametrize(
    "change",
    [
        other_versions,
        change_one_state,
        cut_short(FIRST),
        delete(FIRST),
        delete(RECORD),
        write_nonsense,
    ],
    ids=[
        "other versions",
        "changed",
        "cut short",
        "deleted",
        "no record",
        "no sense in the record",
    ],
)
def test_what_changed_is_encoded_again_and_no_more(
    change: Callable[[Path], None], watched: Path, whole: Path, suite: Path
) -> None:
    change(watched)

    assert main(arguments(suite, watched)) == 0

    assert written(watched) == {name: name != "text_encoder" for name in FOLDERS}
    assert contents(watched) == contents(whole)


def test_a_record_does_not_lead_to_another_folder(copied: Path, whole: Path, suite: Path) -> None:
    unfinish(copied)
    record = json.loads((copied / RECORD).read_text())
    record["files"] = {f"../{name}": digest for name, digest in record["files"].items()}
    (copied / RECORD).write_text(json.dumps(record))

    assert main(arguments(suite, copied)) == 0
    assert contents(copied) == contents(whole)


def test_an_encoding_that_was_cut_off_is_made_again(copied: Path, whole: Path, suite: Path) -> None:
    unfinish(copied)
    folder = copied / "activations" / "text_encoder"
    (folder / "index.json").unlink()
    shutil.copy(folder / "0000.npy", folder / f".00000{TEMPORARY_SUFFIX}")

    assert main(arguments(suite, copied)) == 0
    assert contents(copied) == contents(whole)
