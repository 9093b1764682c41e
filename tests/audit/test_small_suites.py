"""Suites of few prompts or of text alone, and encoders that yield nothing, are told of."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from prompts.structure import Foil, Prompt
from prompts.suite import dump_prompts, load_suite
from t2i_audit.cli.main import main
from t2i_audit.run.tables import read_rows, table_path
from tests.tiny import tiny_open_clip, tiny_pipeline


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_pipeline(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_open_clip(tmp_path_factory.mktemp("judges") / "tiny-clip")


def audit(model: Path, clip: Path, out: Path, *more: str) -> int:
    options = (
        f"--judge clip:local-dir:{clip} --device cpu --seeds 2 --steps 1 --batch-size 8 "
        f"--random-weights 1 --out {out}"
    )
    return main(["audit", str(model), *options.split(), *more])


def summary_of(out: Path) -> dict[str, Any]:
    record: dict[str, Any] = json.loads((out / "summary.json").read_text())
    return record


@pytest.mark.parametrize("limit", [1, 2, 3, 5])
def test_few_prompts_are_judged_and_their_slots_undefined(
    limit: int,
    pipeline: Path,
    clip: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path / "run"
    more = ("--suite", "world-smoke", "--limit", str(limit))

    assert audit(pipeline, clip, out, *more) == 0

    summary = summary_of(out)
    assert summary["success"]["overall"]["n"] == 2 * limit
    for station in ("text_encoder", "denoiser"):
        slots = summary["stations"][station]["slots"]
        unread = {
            name: each
            for name, each in slots.items()
            if each["estimates"]["balanced_accuracy"]["estimate"] is None
        }
        assert slots
        assert limit > 3 or unread == slots
        # What was not read is neither lost nor kept, and it is said why.
        assert {each["verdict"] for each in unread.values()} <= {"undefined"}
        assert all(each["reason"] for each in unread.values())
    attributed = read_rows(table_path(out, "attributions"), "attributions")
    assert limit > 3 or {row["cause"] for row in attributed} <= {None, "unclear"}
    shown = capsys.readouterr().out
    assert "Undefined: " in shown
    assert main(["leaderboard", str(out), "-o", str(tmp_path / "board.csv")]) == 0


@pytest.mark.slow
def test_a_slot_of_one_value_is_undefined_beside_those_that_are_read(
    pipeline: Path, tmp_path: Path
) -> None:
    suite, out = tmp_path / "suite.jsonl", tmp_path / "run"
    prompts = [
        replace(
            prompt,
            constituents=tuple(
                replace(part, value="one") if part.slot == "object_1.shape" else part
                for part in prompt.constituents
            ),
        )
        for prompt in load_suite("world-smoke").prompts
    ]
    suite.write_text(dump_prompts(prompts))
    command = ["probe", str(pipeline), "--suite", str(suite), "--device", "cpu"]

    assert main([*command, "--out", str(out)]) == 0

    slots = summary_of(out)["stations"]["text_encoder"]["slots"]
    assert slots["object_1.shape"]["verdict"] == "undefined"
    assert "same value" in slots["object_1.shape"]["reason"]
    # Whatever colour is held out, no other prompt has it.
    assert "different compositions" in slots["object_1.colour"]["reason"]
    assert slots["relation"]["verdict"] != "undefined"


def foils_only() -> list[Prompt]:
    """As in Winoground: pairs of captions, no structure."""
    nouns = ("circle", "square", "star", "cross")
    pairs = [(one, other) for one in nouns for other in nouns if one != other]
    return [
        Prompt(
            f"w{number}",
            f"a {one} above a {other}",
            "pair",
            "pair",
            (),
            (Foil(f"a {other} above a {one}", "swapped"),),
        )
        for number, (one, other) in enumerate(pairs)
    ]


def test_foils_without_constituents_are_drawn_and_judged(
    pipeline: Path, clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    suite, out = tmp_path / "suite.jsonl", tmp_path / "run"
    suite.write_text(dump_prompts(foils_only()))

    assert audit(pipeline, clip, out, "--suite", str(suite)) == 0

    said = " ".join(capsys.readouterr().out.split())
    assert "No prompt names constituents, so there is nothing to probe" in said
    summary = summary_of(out)
    assert summary["success"]["overall"]["n"] == 24
    assert [each["slots"] for each in summary["stations"].values()] == [{}, {}]
    assert summary["attribution"] is None
    rows = read_rows(table_path(out, "attributions"), "attributions")
    assert len(rows) == 12
    assert {row["cause"] for row in rows} == {None}
    assert main(["leaderboard", str(out), "-o", str(tmp_path / "board.csv")]) == 0
    # Once more it is finished.
    capsys.readouterr()
    assert audit(pipeline, clip, out, "--suite", str(suite)) == 0
    assert "images" not in capsys.readouterr().err


def test_prompts_of_two_kinds_share_a_suite(pipeline: Path, clip: Path, tmp_path: Path) -> None:
    suite, out = tmp_path / "suite.jsonl", tmp_path / "run"
    suite.write_text(dump_prompts([*load_suite("world-smoke").prompts[:24], *foils_only()]))

    assert audit(pipeline, clip, out, "--suite", str(suite), "--no-denoiser-station") == 0

    rows = read_rows(table_path(out, "attributions"), "attributions")
    bare = [row for row in rows if str(row["prompt_id"]).startswith("w")]
    assert len(bare) == 12
    # Nothing that they lack can be to blame.
    assert {row["cause"] for row in bare} == {None}
    assert any("12 of 36 prompts are without constituents" in n for n in summary_of(out)["notes"])


def test_a_probe_of_a_suite_without_constituents_is_refused(
    pipeline: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    suite = tmp_path / "suite.jsonl"
    suite.write_text(dump_prompts(foils_only()))
    out = tmp_path / "run"

    assert main(["probe", str(pipeline), "--suite", str(suite), "--out", str(out)]) == 2
    error = capsys.readouterr().err
    assert "names no constituents, so there is nothing to probe" in error
    assert error.count("\n") == 1
    assert not out.exists()


@pytest.mark.slow
def test_a_tokenizer_without_a_length_takes_its_encoders(
    pipeline: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model, out = tmp_path / "model", tmp_path / "run"
    shutil.copytree(pipeline, model)
    path = model / "tokenizer" / "tokenizer_config.json"
    config = json.loads(path.read_text())
    del config["model_max_length"]
    path.write_text(json.dumps(config))

    command = ["probe", str(model), "--suite", "world-smoke", "--limit", "16", "--device", "cpu"]
    assert main([*command, "--out", str(out)]) == 0
    assert "the 64 positions of text_encoder are taken" in capsys.readouterr().err


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_states_that_are_not_finite_are_one_sentence(
    value: float,
    pipeline: Path,
    clip: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    from safetensors.torch import load_file, save_file

    model, out = tmp_path / "model", tmp_path / "run"
    shutil.copytree(pipeline, model)
    path = model / "text_encoder" / "model.safetensors"
    weights = load_file(path)
    name = next(name for name in weights if name.endswith("layers.1.mlp.fc2.bias"))
    weights[name][:] = value
    save_file(weights, path, metadata={"format": "pt"})

    for command in (
        ["probe", str(model)],
        ["audit", str(model), "--judge", f"clip:local-dir:{clip}"],
    ):
        more = ["--suite", "world-smoke", "--limit", "8", "--device", "cpu", "--out", str(out)]
        assert main([*command, *more]) == 2
        error = capsys.readouterr().err
        assert "makes NaN or infinite states of every prompt: the weights of the text" in error
        assert not out.exists()


def test_a_prompt_of_which_states_are_not_finite_is_left_out_and_told(
    pipeline: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from safetensors.torch import load_file, save_file
    from transformers import AutoTokenizer

    model, out = tmp_path / "model", tmp_path / "run"
    shutil.copytree(pipeline, model)
    path = model / "text_encoder" / "model.safetensors"
    weights = load_file(path)
    token = AutoTokenizer.from_pretrained(model / "tokenizer")("star")["input_ids"][1]
    name = next(name for name in weights if name.endswith("token_embedding.weight"))
    weights[name][token] = float("inf")
    save_file(weights, path, metadata={"format": "pt"})
    prompts = load_suite("world-smoke").prompts
    broken = sum("star" in prompt.text for prompt in prompts)
    command = ["probe", str(model), "--suite", "world-smoke", "--device", "cpu"]

    assert main([*command, "--out", str(out)]) == 0

    said = " ".join(capsys.readouterr().out.split())
    assert 0 < broken < len(prompts)
    assert f"{broken} of {len(prompts)} prompts are encoded by text_encoder as states that" in said
    read = read_rows(table_path(out, "decodability"), "decodability")
    texts = {prompt.id: prompt.text for prompt in prompts}
    assert not any("star" in texts[str(row["prompt_id"])] for row in read)
