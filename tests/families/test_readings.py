"""What a text encoder gets of a prompt is told apart, and every prompt is drawn and judged."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from prompts.structure import Constituent, Foil, Prompt
from prompts.suite import dump_prompts
from t2i_audit.cli.main import main
from t2i_audit.run.tables import read_rows, table_path
from tests.tiny import tiny_open_clip

COLOURS, SHAPES = ("red", "blue", "green"), ("circle", "square", "star", "cross")
TAIL = " and a yellow star" * 24  # behind the window of 77 tokens


@pytest.fixture(scope="module")
def judge(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_open_clip(tmp_path_factory.mktemp("judge") / "tiny-clip")


@pytest.fixture(autouse=True)
def small_suites_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is asked here is of which prompts a slot is read, not how well."""
    monkeypatch.setattr("t2i_audit.probes.enough.FEWEST_PER_VALUE", 1)


@pytest.fixture
def cleaning(monkeypatch: pytest.MonkeyPatch) -> None:
    """Caption cleaning as where beautifulsoup4 and ftfy are installed."""
    from diffusers.pipelines.pixart_alpha import pipeline_pixart_alpha as module

    monkeypatch.setattr(module, "is_bs4_available", lambda: True)
    monkeypatch.setattr(module, "is_ftfy_available", lambda: True)
    plain = SimpleNamespace(fix_text=lambda text: text)
    soup = lambda text, features: SimpleNamespace(text=text)  # noqa: E731
    monkeypatch.setattr(module, "ftfy", plain, raising=False)
    monkeypatch.setattr(module, "BeautifulSoup", soup, raising=False)


def prompt(number: int, text: str, colour: str, shape: str) -> Prompt:
    """A prompt whose constituents stand where their words first occur."""
    parts = tuple(
        Constituent(
            f"object_1.{kind}", kind, word, text.index(word), text.index(word) + len(word), ("o",)
        )
        for kind, word in (("colour", colour), ("shape", shape))
    )
    foil = Foil(text.replace(colour, "white"), "colour_replaced")
    return Prompt(f"p{number}", text, "one", "one", parts, (foil,))


def prompts_of(forms: tuple[str, ...]) -> list[Prompt]:
    """Each form of a prompt with every colour and shape."""
    texts = [
        (form.format(colour, shape), colour, shape)
        for form in forms
        for colour in COLOURS
        for shape in SHAPES
    ]
    return [prompt(number, *each) for number, each in enumerate(texts)]


def audit(model: Path, suite: list[Prompt], judge: Path, out: Path, *more: str) -> int:
    path = out.with_suffix(".jsonl")
    path.write_text(dump_prompts(suite))
    options = (
        f"--suite {path} --judge clip:local-dir:{judge} --device cpu --seeds 1 --steps 1 "
        f"--batch-size 8 --height 16 --width 16 --out {out}"
    )
    return main(["audit", str(model), *options.split(), *more])


def table(out: Path, name: Any) -> list[dict[str, Any]]:
    return read_rows(table_path(out, name), name)


def summary_of(out: Path) -> dict[str, Any]:
    record: dict[str, Any] = json.loads((out / "summary.json").read_text())
    return record


@pytest.mark.usefixtures("cleaning")
def test_prompts_that_cleaning_changed_are_not_longer_than_the_encoder_reads(
    family_folder: Any, judge: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"
    suite = prompts_of(("a {} {}", "(a {}:1.3) [{}]"))
    # Of one the shape is gone, of one every word.
    suite[-2] = prompt(22, "a green thing above http://star.com", "green", "star")
    suite[-1] = prompt(23, "http://green.com/cross", "green", "cross")

    assert audit(family_folder("pixart-alpha"), suite, judge, out, "--no-denoiser-station") == 0

    said = " ".join(capsys.readouterr().out.split())
    assert "longer than" not in said
    assert "11 of 24 prompts are changed by the pipeline before text_encoder reads them" in said
    assert "all their words were found in 10 of them" in said
    assert "1 of 24 prompts is not found in what text_encoder reads" in said
    assert "rest on the 22 of 24 prompts whose words were found" in said
    rows = table(out, "prompts")
    assert [row["reading"]["text_encoder"] for row in rows] == (
        ["whole"] * 12 + ["changed"] * 11 + ["not_found"]
    )
    assert not any(row["truncated"] for row in rows)
    # All are drawn and judged; success is told with and without them.
    assert len(table(out, "judgements")) == 24
    success = summary_of(out)["success"]
    assert success["overall"]["n"] == 24
    assert {name: each["n"] for name, each in success["by_reading"].items()} == {
        "read_whole": 12, "not_read_whole": 12,
    }  # fmt: skip
    assert "read whole" in said
    assert len({row["prompt_id"] for row in table(out, "decodability")}) == 22


def test_a_cut_prompt_is_flagged_and_the_denoiser_is_recorded_at_the_others(
    family_folder: Any, judge: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"
    suite = [
        each if number % 4 else replace(each, text=each.text + TAIL)
        for number, each in enumerate(prompts_of(("a {} {}",)))
    ]
    model = family_folder("stable-diffusion-1")

    assert audit(model, suite, judge, out) == 0

    said = " ".join(capsys.readouterr().out.split())
    assert "3 of 12 prompts are longer than the text encoder reads" in said
    assert [row["truncated"] for row in table(out, "prompts")] == [i % 4 == 0 for i in range(12)]
    assert len(table(out, "judgements")) == 12
    read = table(out, "decodability")
    assert {row["station"] for row in read} == {"text_encoder", "denoiser"}
    assert len({row["prompt_id"] for row in read}) == 9
    # No cause is told of a prompt that no station was read of.
    causes = {row["prompt_id"]: row for row in table(out, "attributions")}
    assert len(causes) == 12
    assert all(causes[each.id]["cause"] is None for each in suite[::4])

    # Shards come to the same tables.
    shards = tmp_path / "shards"
    for shard in ("2/2", "1/2"):
        assert audit(model, suite, judge, shards, "--shard", shard) == 0
    assert main(["merge", str(shards)]) == 0
    for name in ("prompts", "probes", "decodability", "judgements", "attributions"):
        assert table_path(shards, name).read_bytes() == table_path(out, name).read_bytes()


@pytest.mark.parametrize(
    "name", ["flux-1", pytest.param("stable-diffusion-3", marks=pytest.mark.slow)]
)
def test_the_encoder_that_cut_is_left_out_and_not_the_prompt(
    name: str, family_folder: Any, judge: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"
    short, long = prompts_of(("a {} {}",)), prompts_of((f"a {{}} {{}}{TAIL}",))[:6]
    suite = [*short, *(replace(each, id=f"long {each.id}") for each in long)]

    assert audit(family_folder(name), suite, judge, out) == 0

    said = " ".join(capsys.readouterr().out.split())
    assert "6 of 18 prompts are longer than text_encoder reads, but not longer than another" in said
    assert "rest on the" not in said
    assert not any(row["truncated"] for row in table(out, "prompts"))
    decoded = [row for row in table(out, "decodability") if not math.isnan(row["probability"])]
    assert {row["prompt_id"] for row in decoded} == {each.id for each in suite}
    counts = {
        row["encoder"]: row["n"]
        for row in table(out, "probes")
        if (row["station"], row["slot"]) == ("text_encoder", "object_1.shape")
    }
    # Of the prompts that an encoder reads, those are left out whose value the others lack.
    read_all = counts.pop("text_encoder_2" if name == "flux-1" else "text_encoder_3")
    assert counts.keys() == {"text_encoder"} | (set() if name == "flux-1" else {"text_encoder_2"})
    assert all(0 < count < read_all for count in counts.values())


def test_an_encoder_that_holds_few_prompts_is_not_probed(
    family_folder: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    suite = tmp_path / "suite.jsonl"
    long = prompts_of((f"a {{}} {{}}{TAIL}",))
    short = [replace(each, id=f"short {each.id}") for each in prompts_of(("a {} {}",))[:2]]
    suite.write_text(dump_prompts([*long, *short]))
    arguments = ["--suite", str(suite), "--device", "cpu", "--out", str(tmp_path / "run")]

    assert main(["probe", str(family_folder("flux-1")), *arguments]) == 0

    said = " ".join(capsys.readouterr().out.split())
    assert "text_encoder is not probed at all: the words of 2 of 14 prompts" in said
    assert {row["encoder"] for row in table(tmp_path / "run", "probes")} == {"text_encoder_2"}


def test_a_probe_says_which_prompts_it_leaves_out(
    family_folder: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    suite, out = tmp_path / "suite.jsonl", tmp_path / "run"
    long = [
        replace(each, text=each.text + TAIL, id=f"l{each.id}") for each in prompts_of(("a {} {}",))
    ]
    suite.write_text(dump_prompts([*prompts_of(("a {} {}",)), *long]))
    command = ["probe", str(family_folder("stable-diffusion-1")), "--suite", str(suite)]

    assert main([*command, "--device", "cpu", "--out", str(out)]) == 0

    said = " ".join(capsys.readouterr().out.split())
    expected = "12 of 24 prompts are longer than the text encoder reads"
    assert expected in said
    notes = summary_of(out)["notes"]
    assert any(expected in note for note in notes)
    assert any("rest on the 12 of 24 prompts" in note for note in notes)


def test_a_probe_of_prompts_that_are_all_cut_is_refused(
    family_folder: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    suite = tmp_path / "suite.jsonl"
    suite.write_text(dump_prompts(prompts_of((f"a {{}} {{}}{TAIL}",))))
    command = ["probe", str(family_folder("stable-diffusion-1")), "--suite", str(suite)]

    assert main([*command, "--device", "cpu", "--out", str(tmp_path / "run")]) == 2
    assert "all 12 prompts are longer than the text encoder reads" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()
