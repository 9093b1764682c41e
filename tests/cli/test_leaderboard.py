"""The command ``t2i-audit leaderboard`` as its user types it, on runs made from one real one."""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from t2i_audit.cli.main import main
from t2i_audit.io import sha256_of
from t2i_audit.leaderboard import board_csv, read_board, write_leaderboard
from t2i_audit.results.board_columns import COLUMNS
from t2i_audit.run.tables import read_rows, table_from_rows, write_table
from tests.audit.small import write_small_suite

Capture = pytest.CaptureFixture[str]
Change = Callable[[dict[str, Any]], Any]
OPTIONS = [
    *("--device", "cpu", "--seeds", "1", "--steps", "2"),
    *("--random-weights", "1", "--no-denoiser-station"),
]


@pytest.fixture(scope="module")
def suite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_small_suite(tmp_path_factory.mktemp("suite"))


@pytest.fixture(scope="module")
def audited(suite: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished audit; not to be changed."""
    out = tmp_path_factory.mktemp("runs") / "audited"
    arguments = ["audit", "builtin:sound", "--suite", str(suite), "--out", str(out)]
    assert main([*arguments, *OPTIONS]) == 0
    return out


@pytest.fixture
def make(audited: Path, tmp_path: Path) -> Callable[..., Path]:
    """Makes a run as `audited` would be with another summary, settings or manifest."""

    def changed(
        name: str,
        summary: Change | None = None,
        settings: dict[str, Any] | None = None,
        manifest: Change | None = None,
    ) -> Path:
        out = shutil.copytree(audited, tmp_path / name)
        told = json.loads((out / "summary.json").read_text())
        if summary is not None:
            told = summary(told) or told
        (out / "summary.json").write_text(json.dumps(told))
        kept = json.loads((out / "manifest.json").read_text())
        kept["settings"] |= settings or {}
        kept["files"]["summary.json"] = sha256_of(out / "summary.json")
        if manifest is not None:
            kept = manifest(kept) or kept
        (out / "manifest.json").write_text(json.dumps(kept))
        return out

    return changed


def rates(success: float | None, decoded: float | None) -> Change:
    def change(summary: dict[str, Any]) -> None:
        for value, place in (
            (success, summary["success"]["overall"]),
            (decoded, summary["stations"]["text_encoder"]["decodability"]),
        ):
            place |= {"estimate": value, "lower": value, "upper": value}

    return change


def board(*runs: Path, output: Path, more: tuple[str, ...] = ()) -> int:
    return main(["leaderboard", *map(str, runs), "-o", str(output), *more])


def table(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8-sig") as file:
        return list(csv.DictReader(file))


def refused(capsys: Capture, said: str) -> None:
    """One sentence on stderr and nothing on stdout."""
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.count("\n") == 1 and shown.err.startswith("t2i-audit: ")
    assert said in shown.err


def test_a_row_says_how_its_images_were_made(make: Callable[..., Path], tmp_path: Path) -> None:
    run = make("a", settings={"lora": [{"name": "ink", "weight": 0.5, "sha256": "ab" * 32}]})

    assert board(run, output=tmp_path / "board.csv") == 0

    (row,) = table(tmp_path / "board.csv")
    told = {
        "group": "1",
        "run": str(run),
        "model": "builtin:sound",
        "steps": "2",
        "scheduler": "DPMSolverMultistepScheduler",
        "dtype": "float32",
        "device": "cpu",
        "height": "64",
        "width": "64",
        "lora": "ink:0.5 (abababab)",
        "embedding": "",
        "base_seed": "0",
        "negative_prompt": "",
    }
    assert {name: row[name] for name in told} == told
    assert float(row["guidance_scale"]) > 0 and row["t2i_audit"]


def test_two_runs_given_twice_are_two_runs(
    make: Callable[..., Path], tmp_path: Path, capsys: Capture
) -> None:
    runs = [
        make("low", rates(0.2, 0.3), {"weights_sha256": "1" * 64}),
        make("high", rates(0.8, 0.9), {"weights_sha256": "2" * 64}),
    ]
    (tmp_path / "link").symlink_to(runs[0])
    capsys.readouterr()

    again = [*runs, *runs, tmp_path / "link"]
    assert board(*again, output=tmp_path / "board.csv") == 0

    shown = " ".join(capsys.readouterr().out.split())
    assert f"{runs[0]} was given 3 times (also as {tmp_path / 'link'}); it is listed once" in shown
    assert "rise together" not in shown and "only 2 different checkpoints" in shown
    assert len(table(tmp_path / "board.csv")) == 2


def test_copies_of_runs_count_once(
    make: Callable[..., Path], tmp_path: Path, capsys: Capture
) -> None:
    runs = [
        make(f"{copy}-{i}", rates(0.2 * i, 0.2 * i), {"weights_sha256": str(i) * 64})
        for i in (1, 2, 3)
        for copy in ("own", "copy")
    ]
    capsys.readouterr()

    assert board(*runs, output=tmp_path / "board.csv") == 0

    shown = " ".join(capsys.readouterr().out.split())
    assert "are the same audit of one checkpoint" in shown
    assert "only 3 different checkpoints" in shown and "rise together" not in shown


def test_five_checkpoints_are_correlated_and_the_sentence_names_their_group(
    make: Callable[..., Path], tmp_path: Path, capsys: Capture
) -> None:
    runs = [
        make(
            str(i), rates(0.2 * i, 0.1 + 0.16 * i + 0.02 * (i % 2)), {"weights_sha256": str(i) * 64}
        )
        for i in (1, 2, 3, 4, 5)
    ]
    other = make("other", settings={"seeds": 3})
    capsys.readouterr()

    assert board(*runs, other, output=tmp_path / "board.csv") == 0

    shown = " ".join(capsys.readouterr().out.split())
    assert (
        "Group 1 (suite, 4 prompts x 1 seed, judged by oracle): over 5 different checkpoints, "
        "success and decodability at the text encoder rise together (Pearson " in shown
    )
    assert "its number of seeds differs (3, not 1)" in shown
    assert [row["group"] for row in table(tmp_path / "board.csv")] == ["1"] * 5 + ["2"]


def edit_summary(run: Path) -> None:
    path = run / "summary.json"
    summary = json.loads(path.read_text())
    rates(1.0, 1.0)(summary)
    path.write_text(json.dumps(summary))


def forget_checksums(run: Path) -> None:
    edit_summary(run)
    path = run / "manifest.json"
    manifest = json.loads(path.read_text()) | {"files": {}}
    path.write_text(json.dumps(manifest))


def delete(name: str) -> Callable[[Path], None]:
    return lambda run: (run / name).unlink()


def overwrite(name: str, content: bytes) -> Callable[[Path], object]:
    return lambda run: (run / name).write_bytes(content)


def make_a_pipe(run: Path) -> None:
    (run / "manifest.json").unlink()
    os.mkfifo(run / "manifest.json")


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (edit_summary, "summary.json is not as the run wrote it"),
        (forget_checksums, "is not finished"),
        (delete("summary.json"), "summary.json is missing; give the command"),
        (delete("probes.parquet"), "probes.parquet is missing; give the command"),
        (overwrite("judgements.parquet", b"PAR1"), "judgements.parquet is not as the run wrote it"),
        (delete("manifest.json"), "holds something else"),
        (overwrite("manifest.json", b'{"settings": '), "manifest.json cannot be used"),
        (overwrite("manifest.json", b"\xff\xfe\x00"), "manifest.json cannot be used"),
        (overwrite("manifest.json", b"[" * 100_000), "nested too deeply"),
        (overwrite("manifest.json", b"[" * 900 + b"]" * 900), "nested too deeply"),
        (make_a_pipe, "not an ordinary file"),
        (shutil.rmtree, "is no folder"),
    ],
)
def test_a_damaged_run_is_refused(
    damage: Callable[[Path], object], said: str, make: Callable[..., Path], tmp_path: Path,
    capsys: Capture,
) -> None:  # fmt: skip
    run = make("a")
    damage(run)
    capsys.readouterr()

    assert board(run, output=tmp_path / "board.csv") == 2

    refused(capsys, said)
    assert not (tmp_path / "board.csv").exists()


def put(*path: str, value: Any) -> Change:
    """Sets what lies at `path`."""

    def change(record: dict[str, Any]) -> None:
        for name in path[:-1]:
            record = record[name]
        record[path[-1]] = value

    return change


def take(*path: str) -> Change:
    """Takes away what lies at `path`."""

    def change(record: dict[str, Any]) -> None:
        for name in path[:-1]:
            record = record[name]
        del record[path[-1]]

    return change


def deep(levels: int) -> Any:
    value: Any = 0
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize(
    "manifest",
    [
        put("schema", value=0),
        put("schema", value=[1]),
        take("created"),
        put("settings", value="all"),
        put("versions", value=[1]),
        put("stages", value={"images": "done"}),
        put("stages", value={"images": {"state": "did"}}),
        put("files", value=["summary.json"]),
        put("files", "../summary.json", value="0" * 64),
        put("flaws", value={"flat": "many"}),
        put("settings", "nested", value=deep(500)),
        put("stages", "judge", "state", value="running"),
        put("settings", "command", value="probe"),
        put("settings", "command", value=["audit"]),
        lambda manifest: [manifest],
    ],
)
def test_a_manifest_that_is_none_is_refused(
    manifest: Change, make: Callable[..., Path], tmp_path: Path, capsys: Capture
) -> None:
    run = make("a", manifest=manifest)
    capsys.readouterr()

    assert board(run, output=tmp_path / "board.csv") == 2

    refused(capsys, str(run))


OVERALL = ("success", "overall")
DECODED = ("stations", "text_encoder", "decodability")


@pytest.mark.parametrize(
    "summary",
    [
        put(*OVERALL, "estimate", value=0.99),  # outside its interval
        put(*OVERALL, "upper", value=1.5),
        put(*OVERALL, "lower", value=-0.5),
        put(*DECODED, "estimate", value=7),
        put(*DECODED, "n", value="many"),
        put(*OVERALL, "estimate", value="0.5 or so"),
        put("success", value=[]),
        put("stations", value=None),
        put("stations", "text_encoder", value={}),
        put("model", value=None),
        put("n_seeds", value=[2]),
        put("notes", value=deep(500)),
        take("n_images"),
        lambda summary: [summary],
    ],
)
def test_a_summary_that_is_none_is_refused(
    summary: Change, make: Callable[..., Path], tmp_path: Path, capsys: Capture
) -> None:
    def whole(told: dict[str, Any]) -> Any:
        rates(0.5, 0.5)(told)
        return summary(told)

    run = make("a", summary=whole)
    capsys.readouterr()

    assert board(run, output=tmp_path / "board.csv") == 2

    refused(capsys, "summary.json is not a summary of t2i-audit")


def test_a_probe_is_refused(suite: Path, tmp_path: Path, capsys: Capture) -> None:
    run = tmp_path / "probe"
    assert main(["probe", "builtin:sound", "--suite", str(suite), "--out", str(run)]) == 0
    capsys.readouterr()

    assert board(run, output=tmp_path / "board.csv") == 2

    refused(capsys, "is not the run of an audit")


@pytest.mark.parametrize(
    ("name", "cell"),
    [
        ("=HYPERLINK(1)", "'=HYPERLINK(1)"),
        ("+1", "'+1"),
        ("-2+3", "'-2+3"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "'\t=1"),
        ("\r=1", "'\\r=1"),
        (" =1", "' =1"),
        ("＝1", "'＝1"),  # noqa: RUF001
        ("two\nlines", "two\\nlines"),
        ("two\u2028lines", "two\\u2028lines"),
        ('red "café" 猫, 赤', 'red "café" 猫, 赤'),
    ],
)
def test_a_name_is_text_in_a_spreadsheet(
    name: str, cell: str, make: Callable[..., Path], tmp_path: Path
) -> None:
    run = make("a", put("model", value=name), {"sampler": {"negative_prompt": name, "steps": -3}})

    assert board(run, output=tmp_path / "board.csv") == 0

    (row,) = table(tmp_path / "board.csv")
    assert row["model"] == row["negative_prompt"] == cell
    assert row["steps"] == "-3"  # a number stays one
    assert len((tmp_path / "board.csv").read_text(encoding="utf-8").splitlines()) == 2


def test_a_dash_is_standard_output(
    make: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    monkeypatch.chdir(tmp_path)
    runs = [make("a"), make("b", settings={"seeds": 9})]
    capsys.readouterr()

    assert board(*runs, output=Path("-")) == 0

    shown = capsys.readouterr()
    assert [row["group"] for row in csv.DictReader(io.StringIO(shown.out))] == ["1", "2"]
    assert "stands apart from group 1" in shown.err
    assert not (tmp_path / "-").exists()
    assert board(*runs, output=Path("-"), more=("--json",)) == 2
    refused(capsys, "both write to standard output")


@pytest.mark.parametrize(
    ("output", "said"),
    [
        (".", "is a folder"),
        ("file/board.csv", "is a file, so"),
        ("a/summary.json", "lies in the run directory"),
        ("a/images/board.csv", "lies in the run directory"),
        ("link/manifest.json", "lies in the run directory"),
        ("pipe", "is a device or a pipe"),
        ("n" * 300, "cannot be written"),
    ],
)
def test_a_place_that_takes_no_table_is_one_sentence(
    output: str, said: str, make: Callable[..., Path], tmp_path: Path, capsys: Capture
) -> None:
    run = make("a")
    (tmp_path / "file").write_text("dear")
    (tmp_path / "link").symlink_to(run)
    os.mkfifo(tmp_path / "pipe")
    before = {path: sha256_of(path) for path in run.rglob("*") if path.is_file()}
    capsys.readouterr()

    assert board(run, output=tmp_path / output) == 2

    refused(capsys, said)
    assert {path: sha256_of(path) for path in run.rglob("*") if path.is_file()} == before


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write all")
def test_a_folder_that_cannot_be_written_is_one_sentence(
    make: Callable[..., Path], tmp_path: Path, capsys: Capture
) -> None:
    run = make("a")
    (tmp_path / "closed").mkdir(mode=0o500)
    capsys.readouterr()

    assert board(run, output=tmp_path / "closed" / "board.csv") == 2

    refused(capsys, "cannot be written")


def test_appending_reads_rows_anew_keeps_those_whose_runs_are_gone_and_replaces_a_run_given_again(
    make: Callable[..., Path], tmp_path: Path, capsys: Capture
) -> None:
    out = tmp_path / "board.csv"
    low = make("low", rates(0.2, 0.3), {"weights_sha256": "1" * 64})
    gone = make("gone", rates(0.8, 0.9), {"weights_sha256": "2" * 64})
    assert board(low, gone, output=out) == 0
    before = {row["run"]: row for row in table(out)}
    shutil.rmtree(gone)
    shutil.rmtree(low)
    make("low", rates(0.4, 0.3), {"weights_sha256": "1" * 64})
    new = make("new", rates(0.5, 0.5), {"weights_sha256": "3" * 64})
    capsys.readouterr()

    assert board(low, new, output=out, more=("--append",)) == 0

    after = {row["run"]: row for row in table(out)}
    assert list(after) == [str(gone), str(new), str(low)]
    assert after[str(low)]["success_estimate"] == "0.4"
    assert (after[str(gone)]["found"], after[str(gone)]["rank_best"]) == ("FALSE", "")
    assert after[str(low)]["rank_of"] == "2" and after[str(low)]["found"] == "TRUE"
    moved = {"rank_best", "rank_worst", "rank_of", "found", "ranking"}
    for name, cell in before[str(gone)].items():
        assert name in moved or after[str(gone)][name] == cell, name
    shown = " ".join(capsys.readouterr().out.split())
    assert "stand as they were, because their runs are gone" in shown


def test_a_table_is_read_back_as_it_was_written(make: Callable[..., Path], tmp_path: Path) -> None:
    name = "=x\t'\"é赤,;"
    run = make("a", put("model", value=name), {"sampler": {"negative_prompt": "'=1", "steps": 3}})
    (run / "cost.json").write_text(
        json.dumps({"device": "-GPU", "seconds_per_image": 0.25, "images": 4,
                    "peak_memory_bytes": 6_000_000_000, "parameters": {"unet": 5, "vae": 7}})
    )  # fmt: skip
    out = tmp_path / "board.csv"

    written = write_leaderboard([run, make("b", settings={"seeds": 9})], out)
    found = read_board(out)

    (tmp_path / "again.csv").write_text("\ufeff" + board_csv(found), encoding="utf-8")
    assert (tmp_path / "again.csv").read_bytes() == out.read_bytes()
    row = next(each for each in found.rows if each.run == str(run))
    assert row.model == name and row.setup.negative_prompt == "'=1" and row.parameters == 12
    assert [group.name for group in found.groups] == [group.name for group in written.groups]
    assert "its number of seeds differs" in found.groups[1].notes[0]


def test_pandas_reads_each_column_as_the_type_that_is_documented(
    make: Callable[..., Path], tmp_path: Path
) -> None:
    import pandas as pd

    assert board(make("a"), make("b"), output=tmp_path / "board.csv") == 0
    frame = pd.read_csv(tmp_path / "board.csv")

    for column in COLUMNS:
        kind = frame[column.name].dtype.kind
        if frame[column.name].isna().all():
            assert column.optional or column.type == "float64", column.name
        elif column.type == "int64" and frame[column.name].isna().any():
            assert kind == "f"
        else:
            assert (
                kind in {"string": "OUT", "int64": "i", "float64": "f", "bool": "b"}[column.type]
            ), column.name
    assert list(frame)[: len(COLUMNS)] == [column.name for column in COLUMNS]
    assert "kind_colour_success_estimate" in frame


def test_what_is_allowed_to_differ_is_ranked_together_and_the_table_says_so(
    make: Callable[..., Path], tmp_path: Path, capsys: Capture
) -> None:
    runs = [make("a"), make("b", settings={"seeds": 3, "weights_sha256": "3" * 64})]
    out = tmp_path / "board.csv"
    capsys.readouterr()

    assert board(*runs, output=out, more=("--allow", "seeds", "--allow", "judge")) == 0

    rows = table(out)
    assert [row["group"] for row in rows] == ["1", "1"]
    assert {row["allowed"] for row in rows} == {"judge; seeds"}
    assert {row["rank_best"] + row["rank_worst"] for row in rows} == {"12"}
    shown = " ".join(capsys.readouterr().out.split())
    assert "differ in number of seeds (1; 3), which --allow seeds ignores" in shown
    assert board(*runs, output=out, more=("--allow", "size")) == 2
    refused(capsys, "give one of suite, judge, prompts, seeds")


def test_pairs_are_written_beside_the_table(make: Callable[..., Path], tmp_path: Path) -> None:
    runs = [make("a"), make("b", settings={"weights_sha256": "3" * 64}), make("c")]
    pairs = tmp_path / "pairs.csv"

    assert board(*runs, output=tmp_path / "board.csv", more=("--pairs", str(pairs))) == 0

    # Of a and c, which are the same audit, one is compared.
    (row,) = table(pairs)
    assert float(row["difference_estimate"]) == 0 and row["told_apart"] == "FALSE"
    assert float(row["difference_lower"]) < 0 < float(row["difference_upper"])
    assert (row["better"], row["worse"], row["same"]) == ("0", "0", "4")
    assert {each["rank_of"] for each in table(tmp_path / "board.csv")} == {"2"}


def test_a_page_is_written_beside_the_table(
    make: Callable[..., Path], tmp_path: Path, capsys: Capture
) -> None:
    run, out, page = make("a", put("model", value="<script>alert(1)</script>")), "b.csv", "b.html"
    html = ("--html", str(tmp_path / page))

    assert board(run, make("b"), output=tmp_path / out, more=html) == 0

    text = (tmp_path / page).read_text(encoding="utf-8")
    assert text.startswith("<!doctype html>") and "<script>alert(1)" not in text
    capsys.readouterr()
    assert board(run, output=tmp_path / page, more=html) == 2
    refused(capsys, "-o and --html both name")


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda text: text.replace("\n1,", "\n7,"), "its schema_version is '7'"),
        (lambda text: text.replace("schema_version,group", "group"), "first column"),
        (lambda text: text.replace("rank_best", "best"), "column 'rank_best' should stand"),
        (lambda text: text.replace(",success_n", ""), "should stand where"),
        (lambda text: text.rsplit(",", 3)[0] + "\n", "line 2 has"),
        (lambda text: text.replace("\n1,1,", "\n1,first,"), "group is 'first', which is no int64"),
        (lambda text: "", "first column"),
    ],
)  # fmt: skip
def test_another_table_is_not_appended_to(
    damage: Callable[[str], str], said: str, make: Callable[..., Path], tmp_path: Path,
    capsys: Capture,
) -> None:  # fmt: skip
    run, out = make("a"), tmp_path / "board.csv"
    assert board(run, output=out) == 0
    out.write_text(damage(out.read_text(encoding="utf-8")), encoding="utf-8")
    before = out.read_bytes()
    capsys.readouterr()

    assert board(run, output=out, more=("--append",)) == 2

    refused(capsys, said)
    assert out.read_bytes() == before


def test_a_kind_of_constituent_may_have_any_name(make: Callable[..., Path], tmp_path: Path) -> None:
    import pyarrow as pa

    run, kind = make("a"), "<script>é\n="
    path = run / "prompts.parquet"
    rows: list[dict[str, Any]] = read_rows(path, "prompts")
    for row in rows:
        row["constituents"] = [{**part, "kind": kind} for part in row["constituents"]]
    held: pa.Table = table_from_rows("prompts", rows)
    write_table(path, "prompts", held)
    manifest = json.loads((run / "manifest.json").read_text())
    manifest["files"]["prompts.parquet"] = sha256_of(path)
    (run / "manifest.json").write_text(json.dumps(manifest))

    assert board(run, output=tmp_path / "board.csv") == 0

    (cells,) = table(tmp_path / "board.csv")
    assert cells["kind_<script>é\\n=_success_n"] == "8"
    (again,) = read_board(tmp_path / "board.csv").rows
    assert list(again.success_by_kind) == ["<script>é\\n="]
