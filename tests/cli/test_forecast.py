"""The command ``t2i-audit forecast`` as its user types it, on audits of built-in checkpoints."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

import t2i_audit as t2i
from prompts.structure import Prompt
from prompts.suite import Suite, dump_prompts
from prompts.world import COLOURS, OPENINGS, SHAPES, Content, write
from t2i_audit.cli.main import main

Capture = pytest.CaptureFixture[str]
OPTIONS = [
    *("--judge", "oracle", "--device", "cpu", "--seeds", "2", "--steps", "6"),
    "--no-denoiser-station",
]
# To the text encoder of `patchy` these are one colour.
MERGED = ("green", "purple")
PAIRS = [(colour, shape) for colour in COLOURS for shape in SHAPES]
# Two thirds of the pairs are audited, so that every colour and shape is.
HELD = {pair for row, pair in enumerate(PAIRS) if (row + row // len(SHAPES)) % 3 == 0}
AUDITED = [
    write(Content((pair,)), opening=opening)
    for pair in PAIRS
    for opening in OPENINGS
    if pair not in HELD
]
NEW = [write(Content((pair,))) for pair in PAIRS if pair in HELD]


def save(path: Path, prompts: Sequence[Prompt]) -> Path:
    path.write_text(dump_prompts(prompts))
    return path


def audited(model: str, out: Path, *more: str) -> Path:
    suite = save(out.with_suffix(".jsonl"), AUDITED)
    assert main(["audit", model, "--suite", str(suite), "-o", str(out), *OPTIONS, *more]) == 0
    return out


@pytest.fixture(scope="module")
def patchy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished audit; not to be changed."""
    return audited("builtin:patchy", tmp_path_factory.mktemp("runs") / "patchy")


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return audited("builtin:sound", tmp_path_factory.mktemp("runs") / "sound")


@pytest.fixture
def new(tmp_path: Path) -> Path:
    return save(tmp_path / "new.jsonl", NEW)


def test_merged_colours_are_the_riskiest_and_are_named(
    patchy: Path, new: Path, tmp_path: Path, capsys: Capture
) -> None:
    table = tmp_path / "tables" / "forecast.csv"
    before = {path: path.stat().st_mtime_ns for path in patchy.rglob("*")}

    assert (
        main(["forecast", str(patchy), "--prompts", str(new), "--top", "3", "-o", str(table)]) == 0
    )

    shown = capsys.readouterr().out
    rows = list(csv.DictReader(table.open()))
    assert "The 3 riskiest prompts" in shown and "AUROC" in shown
    assert len(rows) == len(NEW)
    merged = [row for row in rows if any(word in row["text"] for word in MERGED)]
    assert rows[: len(merged)] == merged
    for row in merged:
        assert (row["slot"], row["value"]) in {("object_1.colour", word) for word in MERGED}
        assert 0 < float(row["risk_lower"]) < float(row["risk"]) < float(row["risk_upper"]) < 1
        assert json.loads(row["slot_risks"])["object_1.shape"] < float(row["slot_risk"])
    for kind in ("png", "svg"):
        assert (table.parent / f"forecast-reliability.{kind}").stat().st_size > 0
    # Nothing is written into the run.
    assert before == {path: path.stat().st_mtime_ns for path in patchy.rglob("*")}


def test_the_order_of_the_prompts_makes_no_difference(patchy: Path) -> None:
    first = t2i.forecast(patchy, Suite("new", tuple(NEW)))
    second = t2i.forecast(patchy, Suite("new", tuple(NEW[::-1])))

    assert first.trust == second.trust
    assert first.prompts[::-1] == second.prompts


def test_what_the_run_never_showed_is_marked(patchy: Path, capsys: Capture, tmp_path: Path) -> None:
    two = write(Content((("red", "star"), ("green", "star"))))
    text = replace(NEW[0], id="text", text="a red thing", constituents=(), foils=())
    prompts = save(tmp_path / "new.jsonl", [NEW[0], two, text])

    assert main(["forecast", str(patchy), "--prompts", str(prompts), "--json"]) == 0

    out, _ = capsys.readouterr()
    inside, outside, bare = json.loads(out)["prompts"]
    assert inside["outside"] == []
    assert outside["outside"][0] == "type two_objects"
    assert "slot object_2.colour" in outside["outside"]
    assert any("tokens, not" in mark for mark in outside["outside"])
    assert "no constituents" in bare["outside"]
    assert bare["risk"] == json.loads(out)["base_rate"]
    assert "1 of 3 prompts name no constituents" in " ".join(json.loads(out)["notes"])


def test_a_model_whose_failures_cannot_be_foreseen_says_so(
    sound: Path, new: Path, capsys: Capture
) -> None:
    assert main(["forecast", str(sound), "--prompts", str(new)]) == 0

    shown = capsys.readouterr().out
    assert "Cannot forecast" in shown
    assert "riskiest" not in shown
    found = t2i.forecast(sound, new)
    assert not found.can_forecast
    assert {each.risk for each in found.prompts} == {found.base_rate}
    assert not any(each.slots for each in found.prompts)


def test_a_checkpoint_that_is_gone_can_be_done_without(
    patchy: Path, new: Path, tmp_path: Path, capsys: Capture
) -> None:
    run = shutil.copytree(patchy, tmp_path / "run")
    settings = json.loads((run / "settings.json").read_text())
    (run / "settings.json").write_text(json.dumps({**settings, "model": "builtin:gone"}))

    assert main(["forecast", str(run), "--prompts", str(new)]) == 2
    said = capsys.readouterr().err
    assert "builtin:gone" in said and "--words-alone" in said

    assert main(["forecast", str(run), "--prompts", str(new), "--words-alone"]) == 0
    assert "Note: The text encoders were not asked" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (["--prompts", "nowhere.jsonl"], "nowhere.jsonl"),
        (["--top", "0"], "--top"),
        (["-o", "."], "forecast.csv"),
        (["-o", "{run}/forecast.csv"], "lies in the run directory"),
        (["-o", "/dev/null"], "a device or a pipe"),
    ],
)
def test_bad_input_is_one_sentence(
    more: list[str], says: str, patchy: Path, new: Path, capsys: Capture
) -> None:
    command = ["forecast", str(patchy), *([] if "--prompts" in more else ["--prompts", str(new)])]

    assert main([*command, *(each.format(run=patchy) for each in more)]) == 2

    said = capsys.readouterr().err
    assert says in said.splitlines()[-1]
    assert not (patchy / "forecast.csv").exists()


def test_a_run_without_images_is_refused(new: Path, tmp_path: Path, capsys: Capture) -> None:
    out = tmp_path / "probe"
    probe = ["probe", "builtin:sound", "--suite", "world-smoke", "--limit", "6", "-o", str(out)]
    assert main(probe) == 0
    capsys.readouterr()

    assert main(["forecast", str(out), "--prompts", str(new)]) == 2
    assert "has no judged image" in capsys.readouterr().err


def test_images_made_elsewhere_are_forecast_from_words(patchy: Path, tmp_path: Path) -> None:
    images = tmp_path / "images"
    run = t2i.load_run(patchy)
    with_text = {prompt.id: prompt for prompt in AUDITED}
    for row in run.table("judgements").itertuples():
        target = images / row.prompt_id / f"{row.seed}.png"
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(patchy / row.image, target)
    suite = Suite("own", tuple(with_text.values()))
    again = t2i.judge(images, "oracle", out=tmp_path / "judged", suite=suite)

    found = t2i.forecast(again, Suite("new", tuple(NEW)))

    assert any("made elsewhere" in note for note in found.notes)
    assert found.base_rate.estimate == 1 - run.summary.success.overall.estimate  # type: ignore[union-attr]
