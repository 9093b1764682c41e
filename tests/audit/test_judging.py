"""An audit whose judge cannot judge every prompt: what it leaves out counts neither way."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from prompts.suite import dump_prompts, load_suite
from t2i_audit.cli.main import main
from t2i_audit.pipelines.workarounds import quiet_libraries
from t2i_audit.run.tables import read_rows, table_path
from tests.families.checkpoints import build
from tests.tiny import tiny_open_clip, tiny_pipeline

FILLER = " and a yellow star to the left of a purple cross"
BEYOND = "a foil differs from the prompt only beyond the 77 tokens that this judge reads"
SHAPES = ("circle", "square", "triangle", "diamond")


def line(name: str, text: str, foil: str | None, *values: tuple[str, str]) -> str:
    """A line of a suite; `values` are kinds and words of `text` that are its constituents."""
    parts = [
        {
            "slot": f"object_1.{kind}", "kind": kind, "value": word, "entities": ["object_1"],
            "start": text.rindex(word), "end": text.rindex(word) + len(word),
        }
        for kind, word in values
    ]  # fmt: skip
    foils = [] if foil is None else [{"text": foil, "change": "replaced"}]
    row = {"id": name, "text": text, "type": name.rstrip("0123456789"), "template": "t"}
    return json.dumps(row | {"constituents": parts, "foils": foils, "split": None}) + "\n"


def long_suite(path: Path) -> Path:
    """Of 8 prompts of 98 words every other one differs from its foil past token 77."""
    lines = []
    for index in range(8):
        colour, shape = ("red", "blue")[index % 4 // 2], SHAPES[index // 2]
        own, other = f"a {colour} {shape}", f"a green {shape}"
        values = (("colour", colour), ("shape", shape))
        if index % 2:
            lines.append(line(f"near{index}", own + FILLER * 9, other + FILLER * 9, *values))
        else:
            start = (FILLER * 9).removeprefix(" and ") + " and "
            lines.append(line(f"far{index}", start + own, start + other, *values))
    path.write_text("".join(lines), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def judge(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tiny_open_clip(tmp_path_factory.mktemp("judges") / "tiny-clip")
    return f"clip:local-dir:{folder}"


@pytest.fixture(scope="module")
def reading_all(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint whose T5 reads what no CLIP judge does."""
    folder = tmp_path_factory.mktemp("models") / "pixart"
    with quiet_libraries():
        build("pixart-alpha").save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_pipeline(tmp_path_factory.mktemp("models") / "tiny")


def command(model: Path, suite: Path, judge: str, out: Path, *more: str) -> list[str]:
    fixed = "--device cpu --seeds 2 --steps 2 --height 16 --width 16 --batch-size 4"
    return [
        *("audit", str(model), "--suite", str(suite), "--judge", judge, "--out", str(out)),
        *("--no-denoiser-station", *fixed.split(), *more),
    ]


def rows(run: Path, table: Any) -> list[dict[str, Any]]:
    return read_rows(table_path(run, table), table)


@pytest.fixture(scope="module")
def finished(reading_all: Path, judge: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("long")
    run = folder / "run"
    assert main(command(reading_all, long_suite(folder / "long.jsonl"), judge, run)) == 0
    return run


def test_what_the_judge_does_not_read_is_neither_right_nor_wrong(finished: Path) -> None:
    judged = rows(finished, "judgements")
    assert len(judged) == 16
    for row in judged:
        is_far = row["prompt_id"].startswith("far")
        assert (row["correct"] is None) == is_far
        assert row["flaw"] == (BEYOND if is_far else None)

    summary = json.loads((finished / "summary.json").read_text())
    assert (summary["n_images"], summary["n_excluded"]) == (16, 8)
    assert summary["success"]["overall"]["n"] == 8
    assert summary["success"]["by_type"]["far"]["estimate"] is None
    assert json.loads((finished / "manifest.json").read_text())["flaws"] == {BEYOND: 8}


def test_a_prompt_without_a_verdict_does_not_fail_and_has_no_cause(finished: Path) -> None:
    for row in rows(finished, "attributions"):
        if row["prompt_id"].startswith("far"):
            assert (row["judged"], row["failing"], row["cause"]) == (0, False, None)
            assert not row["needed_slots"]
        else:
            assert row["judged"] == 2


def test_the_notes_count_and_name_what_was_left_out_and_what_was_cut(finished: Path) -> None:
    notes = json.loads((finished / "summary.json").read_text())["notes"]

    (left_out,) = [note for note in notes if BEYOND in note]
    assert "4 of 8 prompts" in left_out
    assert all(repr(f"far{index}") in left_out for index in (0, 2, 4, 6))
    (cut,) = [note for note in notes if "only the first 77 tokens" in note]
    assert all(repr(f"near{index}") in cut for index in (1, 3, 5, 7))


def test_divided_audits_leave_out_the_same(
    finished: Path, reading_all: Path, judge: str, tmp_path: Path
) -> None:
    suite = long_suite(tmp_path / "long.jsonl")
    for shard in ("1/2", "2/2"):
        arguments = command(reading_all, suite, judge, tmp_path / "run", "--shard", shard)
        assert main(arguments) == 0
    assert main(["merge", str(tmp_path / "run")]) == 0

    for name in ("judgements.parquet", "attributions.parquet", "summary.json"):
        assert (tmp_path / "run" / name).read_bytes() == (finished / name).read_bytes()


def test_it_is_said_before_the_first_image_and_once(
    small: Path, judge: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    world = dump_prompts(load_suite("world-smoke").prompts[:6])
    (tmp_path / "suite.jsonl").write_text(world + line("bare0", "a red circle", None))

    assert main(command(small, tmp_path / "suite.jsonl", judge, tmp_path / "run")) == 0

    said = capsys.readouterr().err.splitlines()
    (told,) = [row for row, text in enumerate(said) if "no foils" in text]
    assert "cannot judge 1 of 7 prompts" in said[told]
    assert "'bare0'" in said[told]
    assert told < next(row for row, text in enumerate(said) if text.startswith("images"))
    judged = {row["prompt_id"]: row["flaw"] for row in rows(tmp_path / "run", "judgements")}
    assert [name for name, flaw in judged.items() if flaw] == ["bare0"]


def test_strict_refuses_prompts_without_foils(
    small: Path, judge: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    world = dump_prompts(load_suite("world-smoke").prompts[:6])
    (tmp_path / "suite.jsonl").write_text(world + line("bare0", "a red circle", None))
    arguments = command(small, tmp_path / "suite.jsonl", judge, tmp_path / "run", "--strict")

    assert main(arguments) == 2

    (said,) = capsys.readouterr().err.splitlines()
    assert "1 of 7 prompts" in said
    assert "--strict" in said
    assert not (tmp_path / "run").exists()


def test_a_suite_of_which_nothing_can_be_judged_is_refused(
    reading_all: Path, judge: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    every = long_suite(tmp_path / "all.jsonl").read_text().splitlines(keepends=True)
    (tmp_path / "far.jsonl").write_text("".join(every[::2]))

    assert main(command(reading_all, tmp_path / "far.jsonl", judge, tmp_path / "run")) == 2

    (said,) = capsys.readouterr().err.splitlines()
    assert "none of the 4 prompts" in said
    assert BEYOND in said
    assert not (tmp_path / "run").exists()


def test_ties_are_counted_in_a_note(small: Path, judge: str, tmp_path: Path) -> None:
    world = dump_prompts(load_suite("world-smoke").prompts[:6])
    tie = line("tied0", "a cat <end_of_text> red", "a cat <end_of_text> blue")
    (tmp_path / "suite.jsonl").write_text(world + tie)

    assert main(command(small, tmp_path / "suite.jsonl", judge, tmp_path / "run")) == 0

    judged = [row for row in rows(tmp_path / "run", "judgements") if row["flaw"]]
    assert {(row["prompt_id"], row["correct"]) for row in judged} == {("tied0", None)}
    notes = json.loads((tmp_path / "run" / "summary.json").read_text())["notes"]
    assert any("2 of 14 images are undecided" in note and "'tied0'" in note for note in notes)


def test_the_oracle_leaves_out_what_the_rendered_world_lacks(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    suite, out = tmp_path / "suite.jsonl", tmp_path / "run"
    world = dump_prompts(load_suite("world-smoke").prompts[:6])
    teapot = line("pot0", "a red teapot", None, ("colour", "red"), ("shape", "teapot"))
    suite.write_text(world + teapot + line("bare0", "a red circle", None))

    options = "--seeds 1 --steps 1 --device cpu --no-denoiser-station"
    arguments = ["audit", "builtin:sound", "--suite", str(suite), "--out", str(out)]
    assert main([*arguments, *options.split()]) == 0

    judged = {row["prompt_id"]: row for row in rows(out, "judgements")}
    assert [name for name, row in judged.items() if row["correct"] is None] == ["pot0", "bare0"]
    assert "oracle cannot judge 1 of 8 prompts" in capsys.readouterr().err
