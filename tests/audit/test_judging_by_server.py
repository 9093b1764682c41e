"""An audit judged by a model on a server: what it costs, what is kept, what nobody may see."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from t2i_audit.cli.main import main
from t2i_audit.judges.vqa_server_spec import KEY
from t2i_audit.run.tables import read_rows, table_path
from tests.judges.openai_server import Asked, Running, Sent, probable, refused, serving, words

SECRET = "sk-secret-of-the-tests"
PER_IMAGE = 2 * 6  # both orders of five constituents and the caption
TRIAL = 2


def by_shade(asked: Asked) -> Sent:
    """Yes or no, as the image and the question have it."""
    return probable((asked.pixels.mean() * 7 + len(asked.text) * 0.37) % 1)


@pytest.fixture
def server() -> Iterator[Running]:
    with serving(by_shade) as running:
        yield running


def audit(server: Running, out: Path, *more: str) -> int:
    fixed = "--suite world-smoke --limit 4 --seeds 1 --steps 2 --batch-size 1 --device cpu"
    return main(
        [
            *("audit", "builtin:patchy", *fixed.split(), "--no-denoiser-station"),
            *("--judge", server.spec, "--out", str(out), *more),
        ]
    )


def rows(run: Path) -> list[dict[str, Any]]:
    return read_rows(table_path(run, "judgements"), "judgements")


def test_an_audit_goes_on_where_its_server_stopped_and_the_key_is_nowhere(
    server: Running,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv(KEY, SECRET)

    def expiring(asked: Asked) -> Sent:
        if asked.count >= TRIAL + 2 * PER_IMAGE + 3:  # within the third image
            return refused(401, f"the key {SECRET} has expired")
        return by_shade(asked)

    with serving(expiring) as first:
        assert audit(first, tmp_path / "run") == 2
    said = capfd.readouterr()
    assert f"HTTP 401 (the key [{KEY}] has expired)" in said.err
    assert "Traceback" not in said.err

    # Another address, and what was judged is not asked again.
    assert audit(server, tmp_path / "run") == 0
    # The blind baselines ask of each of the four images twice: another prompt's, and a grey one.
    assert len(server.asked) == TRIAL + (2 + 2 * 4) * PER_IMAGE
    assert all(each.headers["authorization"] == f"Bearer {SECRET}" for each in server.asked)

    assert audit(server, tmp_path / "whole") == 0
    assert rows(tmp_path / "run") == rows(tmp_path / "whole")
    summary = json.loads((tmp_path / "run" / "summary.json").read_text())
    assert summary["judge"] == "vqa:server#tests/judge"
    assert summary["n_images"] == 4

    said = capfd.readouterr()
    assert SECRET not in said.out + said.err
    for file in tmp_path.rglob("*"):
        assert file.is_dir() or SECRET.encode() not in file.read_bytes()
    manifest = json.loads((tmp_path / "run" / "manifest.json").read_text())
    assert manifest["settings"]["judge"]["answering_model"] == "tests/judge"
    assert "127.0.0.1" not in json.dumps(manifest["settings"]["judge"])


def test_nothing_is_written_where_the_server_cannot_be_used(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with serving(lambda asked: refused(404, "The model does not exist.")) as server:
        assert audit(server, tmp_path / "run") == 2

    assert not (tmp_path / "run").exists()
    said = capfd.readouterr().err
    assert "the server has tests/judge, tests/other" in said
    assert said.count("\n") == 1


def test_answers_in_prose_are_counted_and_named_and_never_wrong(
    server: Running, tmp_path: Path
) -> None:
    def prose_of_dark(asked: Asked) -> Sent:
        is_trial = "square?" in asked.text and asked.pixels.shape[0] == 256
        return words("Yes." if is_trial or "circle" in asked.text else "I think it is.")

    server.behaviour = prose_of_dark
    assert audit(server, tmp_path / "run") == 0

    judged = rows(tmp_path / "run")
    undecided = [row for row in judged if row["correct"] is None]
    assert undecided
    assert {row["flaw"] for row in undecided} == {"the model answers neither yes nor no"}
    assert not [row for row in judged if row["correct"] is False]
    summary = json.loads((tmp_path / "run" / "summary.json").read_text())
    assert summary["n_excluded"] == len(undecided)
    (note,) = [note for note in summary["notes"] if "neither yes nor no" in note]
    assert note.startswith(f"{len(undecided)} of 4 images are undecided, neither right nor wrong: ")
    assert all(repr(row["prompt_id"]) in note for row in undecided)
