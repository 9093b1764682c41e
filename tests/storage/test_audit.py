"""An audit whose run directory is in a store, on a real server of S3."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import t2i_audit as t2i
from t2i_audit import storage
from t2i_audit.cli.main import main
from tests.audit.small import arguments
from tests.storage.server import BUCKET, S3

URL = f"s3://{BUCKET}/runs/small"


def audited(suite: Path, url: str, *more: str) -> int:
    command = arguments(suite, Path("unused"), *more)
    command[command.index("--out") + 1] = url
    return main(command)


def objects(url: str) -> dict[str, bytes]:
    import fsspec

    files, root = fsspec.url_to_fs(url)
    files.invalidate_cache()
    return {name.removeprefix(f"{root}/"): files.cat_file(name) for name in files.find(root)}


def tables_on(disk: Path) -> dict[str, bytes]:
    return {
        path.name: path.read_bytes() for path in [*disk.glob("*.parquet"), disk / "summary.json"]
    }


@pytest.fixture(scope="module")
def finished(server: S3, small_suite: Path, on_disk: Path) -> str:
    """A run whose store failed at the third of four batches, and which was then finished.

    In between an image of the second batch was damaged.
    """
    import fsspec

    with pytest.MonkeyPatch.context() as patch:
        for name, value in server.environment.items():
            patch.setenv(name, value)
        with server.failing("PUT", r"/images/.*\.png", first=6, status=500):
            assert audited(small_suite, URL) == 2
        half = objects(URL)
        assert [name for name in half if name.startswith("images/batch_")] == [
            "images/batch_00000.json",
            "images/batch_00001.json",
        ]
        assert "summary.json" not in half
        damaged = bytearray(half["images/000003_000.png"])
        damaged[-20] ^= 1
        files, root = fsspec.url_to_fs(URL)
        files.pipe_file(f"{root}/images/000003_000.png", bytes(damaged))
        server.requests.clear()
        assert audited(small_suite, URL) == 0
    return URL


def test_a_run_that_its_store_interrupted_ends_with_the_tables_of_one_on_disk(
    finished: str, s3: S3, on_disk: Path
) -> None:
    there = objects(finished)
    assert {name: there[name] for name in tables_on(on_disk)} == tables_on(on_disk)
    images = {name: content for name, content in there.items() if name.startswith("images/0")}
    assert len(images) == 8
    assert all((on_disk / name).read_bytes() == content for name, content in images.items())


def test_what_was_whole_in_the_store_was_not_made_again(finished: str, s3: S3) -> None:
    import fsspec

    files, root = fsspec.url_to_fs(finished)
    changed = {
        name.removeprefix(f"{root}/"): each["LastModified"]
        for name, each in files.find(f"{root}/images", detail=True).items()
    }
    # Batch 0 has images 0 and 1, batch 1 the damaged one and its neighbour.
    first = max(changed["images/000000_000.png"], changed["images/000001_000.png"])
    assert first < changed["images/batch_00001.json"]
    assert changed["images/batch_00000.json"] < changed["images/000002_000.png"]


def test_no_lock_and_no_unfinished_file_stays_in_the_store(finished: str, s3: S3) -> None:
    assert not [name for name in objects(finished) if name.startswith(".") or "tmp" in name]


def test_nothing_is_left_in_a_folder_called_s3(
    finished: str, s3: S3, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["report", finished]) == 0
    assert not list(tmp_path.iterdir())


def test_a_finished_run_is_only_read_when_its_command_is_given_again(
    finished: str, s3: S3, small_suite: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = objects(finished)
    assert audited(small_suite, finished) == 0
    after = objects(finished)
    # The manifest is written when a run is opened, as on disk.
    assert before == after
    assert finished in capsys.readouterr().out


def test_a_run_of_other_settings_is_refused_by_the_name_of_the_url(
    finished: str, s3: S3, small_suite: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert audited(small_suite, finished, "--seed", "3") == 2
    said = capsys.readouterr().err
    assert f"{finished} holds a run in which seed is 0 there and 3 here" in said
    assert "/tmp" not in said


def test_the_python_interface_reads_tables_images_and_states(
    finished: str, s3: S3, on_disk: Path
) -> None:
    run, other = t2i.load_run(finished), t2i.load_run(on_disk)
    assert run.summary == other.summary
    assert run.table("judgements").equals(other.table("judgements"))
    prompt_id = run.table("prompts").prompt_id[0]
    pairs = zip(run.images(prompt_id).values(), other.images(prompt_id).values(), strict=True)
    assert all(mine.tobytes() == its.tobytes() for mine, its in pairs)
    assert [path.read_bytes() for path in run.image_paths(prompt_id).values()] == [
        path.read_bytes() for path in other.image_paths(prompt_id).values()
    ]
    assert run.dataset()[3]["image"].tobytes() == other.dataset()[3]["image"].tobytes()
    place = run.probe_readings()[-1].place
    assert (run.features(place).values == other.features(place).values).all()


def test_reading_a_row_of_a_leaderboard_fetches_no_image(finished: str, s3: S3) -> None:
    assert main(["leaderboard", finished, "-o", f"s3://{BUCKET}/boards/board.csv"]) == 0
    fetched = [path for method, path in s3.requests if method == "GET"]
    assert not [path for path in fetched if re.search(r"/(images|activations|judgements)/", path)]
    assert finished.encode() in objects(f"s3://{BUCKET}/boards")["board.csv"]


def test_rows_of_a_board_in_a_store_are_kept_when_others_are_added(
    finished: str, s3: S3, on_disk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    board = f"s3://{BUCKET}/boards/grown.csv"
    assert main(["leaderboard", finished, "-o", board]) == 0
    page = f"s3://{BUCKET}/boards/grown.html"
    assert main(["leaderboard", str(on_disk), "-o", board, "--append", "--html", page]) == 0
    grown = objects(f"s3://{BUCKET}/boards")
    assert grown["grown.csv"].count(b"builtin:sound") == 2
    assert f"Table: {board}" in capsys.readouterr().out


def test_the_other_commands_take_urls(
    finished: str, s3: S3, on_disk: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = f"s3://{BUCKET}/written"
    commands = [
        ["report", finished],
        ["compare", finished, str(on_disk), "-o", f"{place}/comparison.json"],
        ["report", finished, str(on_disk), "-o", f"{place}/comparison.html"],
        ["label", finished, "-o", f"{place}/label.html", "--n", "4"],
        ["export", finished, "--to", "csv", "-o", f"{place}/verdicts.csv"],
        ["export", finished, "--to", "datasets", "-o", f"{place}/dataset"],
    ]
    for command in commands:
        assert main(command) == 0, capsys.readouterr().err
    said = capsys.readouterr()
    assert "t2i-audit-" not in said.out + said.err  # the name of a folder on this machine
    written = objects(place)
    assert {name.partition("/")[0] for name in written} == {
        "comparison.json",
        "comparison.html",
        "label.html",
        "verdicts.csv",
        "dataset",
    }
    assert finished.encode() in written["comparison.json"]
    assert b"/t2i-audit-" not in b"".join(
        content for name, content in written.items() if not name.endswith(".parquet")
    )


def test_an_export_does_not_mix_with_what_a_store_has(
    finished: str, s3: S3, capsys: pytest.CaptureFixture[str]
) -> None:
    storage.local_file(f"s3://{BUCKET}/full/x")
    import fsspec

    fsspec.url_to_fs(f"s3://{BUCKET}")[0].pipe_file(f"{BUCKET}/full/x.txt", b"there")
    assert main(["export", finished, "--to", "geneval", "-o", f"s3://{BUCKET}/full"]) == 2
    assert f"s3://{BUCKET}/full exists and is not empty" in capsys.readouterr().err


def test_a_folder_in_a_store_that_is_open_is_no_file(
    finished: str, s3: S3, capsys: pytest.CaptureFixture[str]
) -> None:
    # In its working copy the folder then lies beside what was opened.
    bucket = storage.local_folder(f"s3://{BUCKET}")
    (bucket / "taken").mkdir()
    import fsspec

    fsspec.url_to_fs(f"s3://{BUCKET}")[0].pipe_file(f"{BUCKET}/taken/x.txt", b"there")
    assert main(["export", finished, "--to", "geneval", "-o", f"s3://{BUCKET}/taken"]) == 2
    assert f"s3://{BUCKET}/taken exists and is not empty" in capsys.readouterr().err


def test_shards_that_ran_elsewhere_are_merged_in_a_store(
    s3: S3, small_suite: Path, on_disk: Path
) -> None:
    parts = [f"s3://{BUCKET}/runs/part-{number}" for number in (1, 2)]
    for number, part in enumerate(parts, start=1):
        shard = ("--shard", f"{number}/2", "--no-denoiser-station")
        assert audited(small_suite, part, *shard) == 0
    joined = f"s3://{BUCKET}/runs/joined"
    assert main(["merge", *parts, "-o", joined, "--no-report"]) == 0
    there = objects(joined)
    for name in ("judgements.parquet", "prompts.parquet"):
        assert there[name] == (on_disk / name).read_bytes()
