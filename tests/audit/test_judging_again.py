"""The images of a finished audit, judged again by another judge."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from t2i_audit.audit import execute, plan_audit
from t2i_audit.cli.main import main
from t2i_audit.run.tables import read_rows, table_path
from t2i_audit.settings import AuditSettings


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An audit judged by the oracle; not to be changed."""
    settings = AuditSettings(
        model="builtin:sound",
        suite="world-smoke",
        judge="oracle",
        device="cpu",
        out=tmp_path_factory.mktemp("runs") / "finished",
        limit=20,
        seeds=2,
        steps=4,
        batch_size=8,
        random_weights=1,
    )
    execute(plan_audit(settings))
    return settings.out


def judge_again(run: Path, out: Path, judge: str, *more: str) -> int:
    return main(["judge", str(run), "--judge", judge, "-o", str(out), *more])


def judgements(run: Path) -> list[dict[str, Any]]:
    return read_rows(table_path(run, "judgements"), "judgements")


def images(run: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in (run / "images").glob("*.png")}


def test_another_judge_judges_the_same_images(
    finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = {path: path.stat().st_mtime_ns for path in finished.rglob("*")}

    assert judge_again(finished, tmp_path / "again", "clip") == 0

    captured = capsys.readouterr()
    # No rate: all were there when the stage began.
    assert "images: 40/40\n" in captured.err
    assert "judged by clip" in captured.out
    assert images(tmp_path / "again") == images(finished)
    own, other = judgements(tmp_path / "again"), judgements(finished)
    keys = ("prompt_id", "seed", "image", "image_sha256")
    assert [[row[key] for key in keys] for row in own] == [
        [row[key] for key in keys] for row in other
    ]
    assert [row["margin"] for row in own] != [row["margin"] for row in other]
    assert {path: path.stat().st_mtime_ns for path in finished.rglob("*")} == before


def test_the_same_judge_comes_to_the_same_tables(finished: Path, tmp_path: Path) -> None:
    assert judge_again(finished, tmp_path / "again", "oracle") == 0

    for file in (*finished.glob("*.parquet"), finished / "summary.json"):
        assert (tmp_path / "again" / file.name).read_bytes() == file.read_bytes(), file.name


@pytest.mark.slow
def test_the_new_run_is_one_like_any_other(
    finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert judge_again(finished, tmp_path / "again", "clip", "--json") == 0
    shown = json.loads(capsys.readouterr().out)

    arguments = (
        "--suite world-smoke --judge clip --device cpu --limit 20 --seeds 2 --steps 4 "
        "--random-weights 1"
    )
    own = ["audit", "builtin:sound", *arguments.split(), "--batch-size", "8", "--json"]

    assert main([*own, "--out", str(tmp_path / "again")]) == 0
    assert json.loads(capsys.readouterr().out) == shown


def unfinished(run: Path) -> None:
    manifest = json.loads((run / "manifest.json").read_text())
    manifest["stages"]["results"]["state"] = "running"
    (run / "manifest.json").write_text(json.dumps(manifest))


def without_an_image(run: Path) -> None:
    (run / "images" / "000003_001.png").unlink()


def of_other_versions(run: Path) -> None:
    manifest = json.loads((run / "manifest.json").read_text())
    manifest["versions"]["torch"] = "1.0"
    (run / "manifest.json").write_text(json.dumps(manifest))


def of_another_checkpoint(run: Path) -> None:
    path = run / "settings.json"
    path.write_text(path.read_text().replace("builtin:sound", "builtin:early"))


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (unfinished, "holds no finished audit"),
        (without_an_image, "000003_001.png is missing"),
        (of_other_versions, "was made with other versions (torch is '1.0' there"),
        (of_another_checkpoint, "model is 'builtin:sound' there and 'builtin:early' here"),
    ],
)
def test_what_cannot_be_judged_again_is_one_sentence(
    spoil: Any, said: str, finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = shutil.copytree(finished, tmp_path / "run")
    spoil(run)

    assert judge_again(run, tmp_path / "again", "clip") == 2

    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1
    assert not (tmp_path / "again").exists()


def test_the_audits_own_results_stay(finished: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert judge_again(finished, finished, "clip") == 2
    assert "is the audit itself" in capsys.readouterr().err


def test_an_unknown_judge_is_one_sentence_and_leaves_nothing(
    finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert judge_again(finished, tmp_path / "again", "clipp") == 2
    assert "clip" in capsys.readouterr().err
    assert not (tmp_path / "again").exists()
