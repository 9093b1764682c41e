"""The command ``t2i-audit forecast`` as its user types it.

The images are of a built-in checkpoint; the verdicts are labels that fail two colours, or none.
"""

from __future__ import annotations

import csv
import json
import random
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
    *("--judge", "oracle", "--device", "cpu", "--seeds", "2", "--steps", "1"),
    *("--random-weights", "1", "--no-denoiser-station"),
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
    path.write_text(dump_prompts(prompts), encoding="utf-8")
    return path


def label(path: Path, *, merged: float, others: float) -> Path:
    """Labels in which a colour is wrong with these probabilities, and shapes never."""
    rng = random.Random(0)
    lines = ["prompt_id,seed,rater,object_1.colour,object_1.shape"]
    for prompt in AUDITED:
        risk = merged if prompt.constituents[0].value in MERGED else others
        for seed in range(2):
            lines.append(f"{prompt.id},{seed},me,{'no' if rng.random() < risk else 'yes'},yes")
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def audited(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished audit; not to be changed, as the two that follow."""
    folder = tmp_path_factory.mktemp("runs")
    suite, out = save(folder / "audited.jsonl", AUDITED), folder / "audited"
    assert main(["audit", "builtin:patchy", "--suite", str(suite), "-o", str(out), *OPTIONS]) == 0
    return out


@pytest.fixture(scope="module")
def patchy(audited: Path) -> Path:
    """Its images with verdicts that fail mostly the merged colours."""
    labels = label(audited.parent / "merged.csv", merged=0.95, others=0.05)
    return t2i.judge(audited, f"human:{labels}", out=audited.parent / "patchy").path


@pytest.fixture(scope="module")
def chance(audited: Path) -> Path:
    """The same with verdicts of pure chance."""
    labels = label(audited.parent / "chance.csv", merged=0.4, others=0.4)
    return t2i.judge(audited, f"human:{labels}", out=audited.parent / "chance").path


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
    chance: Path, new: Path, capsys: Capture
) -> None:
    assert main(["forecast", str(chance), "--prompts", str(new)]) == 0

    shown = capsys.readouterr().out
    assert "Cannot forecast" in shown
    assert "riskiest" not in shown
    found = t2i.forecast(chance, new)
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


def test_a_checkpoint_that_has_changed_is_not_read(
    patchy: Path, new: Path, tmp_path: Path, capsys: Capture
) -> None:
    run = shutil.copytree(patchy, tmp_path / "run")
    manifest = json.loads((run / "manifest.json").read_text())
    manifest["settings"]["checkpoint"]["text_encoder"]["model.safetensors"] = "0" * 64
    (run / "manifest.json").write_text(json.dumps(manifest))

    assert main(["forecast", str(run), "--prompts", str(new)]) == 2
    said = capsys.readouterr().err.splitlines()[-1]
    assert "text_encoder/model.safetensors of the checkpoint is not as the run" in said


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (["--prompts", "nowhere.jsonl"], "nowhere.jsonl"),
        (["--top", "0"], "--top"),
        (["-o", "."], "forecast.csv"),
        (["-o", "{run}/forecast.csv"], "lies in the run directory"),
        (["-o", "/dev/null"], "a device or a pipe"),
        (["-o", "-"], "should name a .csv file"),
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
    run = t2i.load_run(patchy)
    lines = ["file_name,prompt_id,seed"]
    (tmp_path / "images").mkdir()
    for row in run.table("judgements").itertuples():
        name = f"{row.prompt_id}-{row.seed}.png"
        shutil.copyfile(patchy / row.image, tmp_path / "images" / name)
        lines.append(f"{name},{row.prompt_id},{row.seed}")
    (tmp_path / "images" / "metadata.csv").write_text("\n".join(lines))
    labels = label(tmp_path / "labels.csv", merged=0.95, others=0.05)
    suite = Suite("own", tuple(AUDITED))
    again = t2i.judge(tmp_path / "images", f"human:{labels}", out=tmp_path / "judged", suite=suite)

    found = t2i.forecast(again, Suite("new", tuple(NEW)))

    assert any("made elsewhere" in note for note in found.notes)
    assert found.can_forecast
    assert found.riskiest()[0].slots[0].value in MERGED
