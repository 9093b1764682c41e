"""A finished run whose files are deleted, cut short, exchanged or edited notices it."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from prompts.suite import dump_prompts
from prompts.world import Content, write
from t2i_audit.cli.main import main
from t2i_audit.io import dump_json, sha256_of, write_parquet

PARTS = [(colour, shape) for colour in ("red", "blue") for shape in ("circle", "star")]
OPTIONS = [
    "--judge",
    "oracle",
    "--device",
    "cpu",
    "--seeds",
    "2",
    "--steps",
    "2",
    "--batch-size",
    "2",
]


@pytest.fixture(scope="module")
def suite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("suite") / "suite.jsonl"
    path.write_text(dump_prompts(tuple(write(Content((part,))) for part in PARTS)))
    return path


def audit(suite: Path, out: Path, *more: str) -> int:
    return main(
        ["audit", "builtin:sound", *OPTIONS, "--suite", str(suite), "--out", str(out), *more]
    )


@pytest.fixture(scope="module")
def whole(suite: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that went through undisturbed; not to be changed."""
    out = tmp_path_factory.mktemp("runs") / "whole"
    assert audit(suite, out) == 0
    return out


@pytest.fixture
def copied(whole: Path, tmp_path: Path) -> Path:
    return shutil.copytree(whole, tmp_path / "run")


def contents(out: Path) -> dict[str, bytes]:
    """All that a run has made, but for the manifest's date and the locks."""
    files = [path for path in out.rglob("*") if path.is_file() and not path.name.startswith(".")]
    made = {str(file.relative_to(out)): file.read_bytes() for file in sorted(files)}
    manifest = json.loads(made.pop("manifest.json"))
    return made | {"checksums": dump_json([manifest["files"], manifest["flaws"]]).encode()}


def delete(name: str) -> Callable[[Path], None]:
    return lambda run: (run / name).unlink()


def cut_short(name: str) -> Callable[[Path], None]:
    return lambda run: os.truncate(run / name, (run / name).stat().st_size // 2)


def exchange(one: str, other: str) -> Callable[[Path], None]:
    def change(run: Path) -> None:
        (run / one).rename(run / "between")
        (run / other).rename(run / one)
        (run / "between").rename(run / other)

    return change


def delete_the_folder(name: str) -> Callable[[Path], None]:
    return lambda run: shutil.rmtree(run / name)


def flip_verdicts(run: Path) -> None:
    """Every wrong image right and the other way round, in a table that is sound as such."""
    path = run / "judgements.parquet"
    table = pq.read_table(path)
    place = table.column_names.index("correct")
    flipped = [not right for right in table.column("correct").to_pylist()]
    write_parquet(path, table.set_column(place, table.field(place), pa.array(flipped)))


def exchange_with_records(run: Path) -> None:
    """Two images exchanged, and the record of their batch made to fit."""
    exchange("images/000000_000.png", "images/000001_000.png")(run)
    path = run / "images" / "batch_00000.json"
    record = json.loads(path.read_text())
    for image in record["images"]:
        image["sha256"] = sha256_of(run / image["image"])
    path.write_text(dump_json(record))


def edit_a_flaw(run: Path) -> None:
    path = run / "images" / "batch_00001.json"
    record = json.loads(path.read_text())
    record["images"][0]["flaw"] = "not finite"
    path.write_text(dump_json(record))


DAMAGES: dict[str, tuple[Callable[[Path], None], str]] = {
    "image deleted": (delete("images/000001_000.png"), "000001_000.png"),
    "image cut short": (cut_short("images/000001_000.png"), "000001_000.png"),
    "images exchanged": (
        exchange("images/000000_000.png", "images/000003_001.png"),
        "000000_000.png",
    ),
    "images and record": (exchange_with_records, "batch_00000.json"),
    "record deleted": (delete("images/batch_00001.json"), "batch_00001.json"),
    "record edited": (edit_a_flaw, "batch_00001.json"),
    "records exchanged": (
        exchange("images/batch_00000.json", "images/batch_00001.json"),
        "batch_00000.json",
    ),
    "all images": (
        delete_the_folder("images"),
        "batch_00000.json is missing or damaged (and 3 more)",
    ),
    "verdicts flipped": (flip_verdicts, "judgements.parquet"),
    "denoiser's features": (
        cut_short("activations/denoiser/batch_00000.npz"),
        "activations/denoiser/batch_00000.npz",
    ),
    "encoder's features": (
        delete("activations/text_encoder/0000.npy"),
        "activations/text_encoder/0000.npy",
    ),
    "figure": (delete("figures/where_lost.svg"), "where_lost.svg"),
}


@pytest.mark.parametrize(("damage", "named"), DAMAGES.values(), ids=DAMAGES)
def test_what_was_changed_is_told_and_made_again(
    damage: Callable[[Path], None], named: str, whole: Path, copied: Path, suite: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    damage(copied)

    assert audit(suite, copied) == 0

    said = capsys.readouterr().err
    assert named in said and "missing or damaged" in said
    assert contents(copied) == contents(whole)


def test_an_intact_run_is_shown_without_a_word(
    copied: Path, suite: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = {path: path.stat().st_mtime_ns for path in copied.rglob("*.*")}

    assert audit(suite, copied) == 0

    assert capsys.readouterr().err == ""
    after = {path: path.stat().st_mtime_ns for path in copied.rglob("*.*")}
    assert {path for path in before if after[path] != before[path]} <= {
        copied / "manifest.json",
        copied / ".lock",
    }


def test_changed_settings_of_a_command_are_written_again(
    whole: Path, copied: Path, suite: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (copied / "settings.json").write_text("[]")

    assert audit(suite, copied) == 0

    said = capsys.readouterr().err
    assert "settings.json is missing or damaged; it is written again" in said
    assert "images" not in said  # nothing else is made again
    assert contents(copied) == contents(whole)


def test_what_is_damaged_is_not_made_again_with_other_versions(
    copied: Path, suite: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    manifest = json.loads((copied / "manifest.json").read_text())
    manifest["versions"]["torch"] = "1.0"
    (copied / "manifest.json").write_text(json.dumps(manifest))
    assert audit(suite, copied) == 0  # only shown
    (copied / "images" / "000001_000.png").unlink()
    before = contents(copied)
    capsys.readouterr()

    assert audit(suite, copied) == 2

    said = capsys.readouterr().err
    assert "torch is '1.0' there" in said.splitlines()[-1]
    assert contents(copied) == before


def test_a_damaged_probe_is_made_again(
    suite: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "probe"
    arguments = ["probe", "builtin:sound", "--suite", str(suite), "--out", str(out)]
    assert main(arguments) == 0
    before = contents(out)
    (out / "activations" / "random_weights" / "index.json").unlink()
    capsys.readouterr()

    assert main(arguments) == 0

    assert "index.json is missing or damaged" in capsys.readouterr().err
    assert contents(out) == before


def test_a_record_that_leads_elsewhere_is_not_followed(
    whole: Path, copied: Path, suite: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own = copied / "images" / "000000_000.png"
    elsewhere = tmp_path / "elsewhere.png"
    own.rename(elsewhere)
    path = copied / "images" / "batch_00000.json"
    path.write_text(path.read_text().replace("images/000000_000.png", "../elsewhere.png"))
    content = elsewhere.read_bytes()

    assert audit(suite, copied) == 0

    assert "batch_00000.json is missing or damaged" in capsys.readouterr().err
    assert contents(copied) == contents(whole) and elsewhere.read_bytes() == content


@pytest.fixture(scope="module")
def shards(suite: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the shards of a divided run; not to be changed."""
    folder = tmp_path_factory.mktemp("shards")
    for number in (1, 2):
        assert audit(suite, folder / str(number), "--shard", f"{number}/2") == 0
    return folder


def test_merge_tells_what_is_damaged_in_which_shard(
    shards: Path, whole: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    runs = shutil.copytree(shards, tmp_path / "runs")
    (runs / "1" / "images" / "000000_000.png").unlink()  # in batch 0
    edit_a_flaw(runs / "2")  # in batch 1
    cut_short("1/judgements/batch_00002.parquet")(runs)
    cut_short("2/activations/denoiser/batch_00001.npz")(runs)
    out = tmp_path / "joined"
    capsys.readouterr()

    assert main(["merge", str(runs / "1"), str(runs / "2"), "--out", str(out)]) == 0

    said = capsys.readouterr().err
    for name, what in (
        ("1/images/000000_000.png", "missing; its batch is taken from another run, or made again"),
        ("2/images/batch_00001.json", "damaged; its batch is taken from another run"),
        ("1/judgements/batch_00002.parquet", "damaged; the images of its batch are judged again"),
    ):
        assert f"{runs / name} is {what}" in said
    assert contents(out) == contents(whole)


def test_merge_takes_a_damaged_batch_from_a_run_where_it_is_whole(
    shards: Path, whole: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    runs = shutil.copytree(shards, tmp_path / "runs")
    other = shutil.copytree(runs / "1", tmp_path / "other")
    (runs / "1" / "images" / "000000_000.png").unlink()
    folders = [str(folder) for folder in (runs / "1", other, runs / "2")]
    capsys.readouterr()

    assert main(["merge", *folders, "--out", str(tmp_path / "joined")]) == 0

    said = capsys.readouterr().err
    assert "000000_000.png is missing" in said and "images: 8/8\n" in said  # none was made
    assert contents(tmp_path / "joined") == contents(whole)


def test_merge_follows_no_record_out_of_its_run(
    shards: Path, whole: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    runs = shutil.copytree(shards, tmp_path / "runs")
    path = runs / "1" / "images" / "batch_00000.json"
    (tmp_path / "secret").write_text("dear")
    path.write_text(path.read_text().replace("images/000000_000.png", "../../secret"))
    out = tmp_path / "joined"
    capsys.readouterr()

    assert main(["merge", str(runs / "1"), str(runs / "2"), "--out", str(out)]) == 0

    assert f"{path} is damaged" in capsys.readouterr().err
    assert contents(out) == contents(whole)


def test_a_file_in_a_run_allows_no_code_to_run(
    shards: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = shutil.copytree(shards / "1", tmp_path / "run")
    settings = json.loads((run / "settings.json").read_text())
    settings["model_options"]["trust_remote_code"] = settings["model"]
    (run / "settings.json").write_text(json.dumps(settings))
    capsys.readouterr()

    assert main(["merge", str(run)]) == 2

    said = capsys.readouterr().err
    assert "give --trust-remote-code builtin:sound" in said and said.count("\n") == 1


@pytest.mark.parametrize("content", [b"[]", b"\xff", b'{"model": 3}', b"[" * 100_000])
def test_settings_that_are_none_are_one_sentence(
    content: bytes, shards: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = shutil.copytree(shards / "1", tmp_path / "run")
    (run / "settings.json").write_bytes(content)
    capsys.readouterr()

    assert main(["merge", str(run)]) == 2

    said = capsys.readouterr().err
    assert "settings.json cannot be used" in said and said.count("\n") == 1


@pytest.mark.parametrize("name", ["../elsewhere", "/etc/passwd", "images/../../elsewhere", "", "."])
def test_a_manifest_that_leads_elsewhere_is_refused(
    name: str, copied: Path, suite: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "elsewhere").write_text("dear")
    manifest = json.loads((copied / "manifest.json").read_text())
    manifest["files"][name] = "0" * 64
    (copied / "manifest.json").write_text(json.dumps(manifest))

    assert audit(suite, copied) == 2

    said = capsys.readouterr().err
    assert f"{name!r}, which is no file of the run directory" in said and said.count("\n") == 1
    assert (tmp_path / "elsewhere").read_text() == "dear"
