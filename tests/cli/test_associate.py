"""The command ``t2i-audit associate`` as its user types it, on small audits of built-ins."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import t2i_audit as t2i
from t2i_audit.cli.main import main
from t2i_audit.io import sha256_of

Capture = pytest.CaptureFixture[str]
COMMON = ["--suite", "world-smoke", "--device", "cpu", "--random-weights", "1"]
OPTIONS = [*COMMON, "--limit", "16", "--seeds", "1", "--steps", "2", "--no-denoiser-station"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Finished runs of two models; not to be changed."""
    runs = tmp_path_factory.mktemp("runs")
    with pytest.MonkeyPatch.context() as patch:
        # So that 16 prompts are read: how well does not matter here.
        patch.setattr("t2i_audit.probes.enough.FEWEST_PER_VALUE", 1)
        for name in ("sound", "patchy"):
            assert main(["audit", f"builtin:{name}", *OPTIONS, "-o", str(runs / name)]) == 0
    assert main(["probe", "builtin:sound", *COMMON, "--limit", "8", "-o", str(runs / "probe")]) == 0
    return runs


@pytest.fixture
def models(folder: Path, tmp_path: Path) -> Callable[[int], list[str]]:
    """Makes runs as those of so many different models would be."""

    def make(count: int) -> list[str]:
        made = []
        for index in range(count):
            out = shutil.copytree(folder / "sound", tmp_path / f"model-{index}")
            told = json.loads((out / "summary.json").read_text())
            told["model"] = f"model {index}"
            success = 0.2 + 0.1 * index + 0.05 * (index % 2)
            rates = told["success"]["overall"]
            rates |= {"estimate": success, "lower": success - 0.1, "upper": success + 0.1}
            read = told["stations"]["text_encoder"]["decodability"]
            read |= {"estimate": 0.3 + 0.1 * index, "lower": 0.2, "upper": 0.9}
            (out / "summary.json").write_text(json.dumps(told))
            kept = json.loads((out / "manifest.json").read_text())
            kept["settings"]["weights_sha256"] = f"{index:064d}"
            kept["files"]["summary.json"] = sha256_of(out / "summary.json")
            (out / "manifest.json").write_text(json.dumps(kept))
            made.append(str(out))
        return made

    return make


def refused(capsys: Capture, said: str) -> None:
    """One sentence on stderr and nothing on stdout."""
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.count("\n") == 1 and shown.err.startswith("t2i-audit: ")
    assert said in shown.err


def test_a_run_too_small_for_any_slot_says_that_nothing_is_related(
    tmp_path: Path, capsys: Capture
) -> None:
    out = str(tmp_path / "run")
    assert main(["audit", "builtin:sound", *OPTIONS, "--limit", "4", "-o", out]) == 0
    capsys.readouterr()
    assert main(["associate", out]) == 0

    assert "No slot was read, so there is nothing to relate" in capsys.readouterr().out


def test_one_run_shows_prompts_and_values(folder: Path, capsys: Capture) -> None:
    assert main(["associate", str(folder / "patchy")]) == 0

    shown = capsys.readouterr().out
    assert "world-smoke, 16 prompts x 1 seed, judged by oracle" in shown
    assert "Within a model, over prompts" in shown
    assert "object_1.colour" in shown and "all slots" in shown
    assert "Over models" not in shown
    assert shown.count("Text encoder: ") == 1


def test_two_runs_are_too_few_for_a_correlation_over_models(folder: Path, capsys: Capture) -> None:
    runs = [str(folder / name) for name in ("sound", "patchy")]
    assert main(["associate", *runs]) == 0

    shown = " ".join(capsys.readouterr().out.split())
    assert "4 models are needed, and there are only 2 with both figures" in shown
    assert "builtin:sound" in shown and "builtin:patchy" in shown


def test_several_models_are_correlated_beside_their_baselines(
    models: Callable[[int], list[str]], capsys: Capture, tmp_path: Path
) -> None:
    assert main(["associate", *models(6), "-o", str(tmp_path / "all"), "--json"]) == 0

    told = json.loads(capsys.readouterr().out)
    first = told["models"][0]
    assert (first["station"], first["figure"], first["verdict"]) == (
        "text_encoder",
        "weakest slot",
        "together",
    )
    assert (first["correlation"]["n"], len(first["points"])) == (6, 6)
    figures = [each["figure"] for each in told["models"]]
    assert figures[-5:] == [
        "random weights",
        "layer 0",
        "words alone",
        "prompt length",
        "word frequency",
    ]
    assert 0.5 < told["power"] < 0.9
    written = tmp_path / "all"
    assert json.loads((written / "associations.json").read_text()) == told
    assert Image.open(written / "associations.png").size[0] > 400
    assert "<svg" in (written / "associations.svg").read_text()


def test_six_models_fit_on_one_screen(models: Callable[[int], list[str]], capsys: Capture) -> None:
    assert main(["associate", *models(6)]) == 0

    lines = capsys.readouterr().out.splitlines()
    assert len(lines) <= 45 and max(map(len, lines)) <= 120
    assert any(
        line.startswith("Over models: success with decodability, 6 models") for line in lines
    )
    assert any("does not vary" in line and "word frequency" in line for line in lines)


def test_the_python_call_gives_what_the_command_prints(folder: Path, capsys: Capture) -> None:
    assert main(["associate", str(folder / "sound"), "--json"]) == 0
    found = t2i.associate([folder / "sound"])

    told = json.loads(capsys.readouterr().out)
    own = found.runs[0].prompts["text_encoder"]
    assert told["runs"][0]["prompts"]["text_encoder"]["sentence"] == own.sentence
    stored = t2i.load_run(folder / "sound").summary.associations
    assert stored is not None and stored["text_encoder"].auroc == own.auroc


def test_a_figure_alone_is_drawn_where_the_ending_says(folder: Path, tmp_path: Path) -> None:
    assert main(["associate", str(folder / "patchy"), "-o", str(tmp_path / "one.svg")]) == 0

    assert [path.name for path in tmp_path.iterdir()] == ["one.svg"]


def test_equal_runs_draw_equal_figures(folder: Path, tmp_path: Path) -> None:
    files = [tmp_path / "a.svg", tmp_path / "b.svg"]
    for file in files:
        assert main(["associate", str(folder / "patchy"), "-o", str(file)]) == 0

    assert files[0].read_bytes() == files[1].read_bytes()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "Missing argument 'RUN...'"),
        (["absent"], "absent"),
        (["probe"], "is not the run of an audit"),
        (["sound", "-o", "board.csv"], "-o should name a folder, or a figure that ends in .png"),
        (["sound", "-o", "sound/a.png"], "lies in the run directory"),
        (["sound", "-o", "sound"], "lies in the run directory"),
    ],
)
def test_bad_input_is_one_sentence(
    arguments: list[str], said: str, folder: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)

    assert main(["associate", *arguments]) == 2
    refused(capsys, said)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"suite_sha256": "cd" * 32}, "its suite differs"),
        ({"seeds": 4}, "its number of seeds differs"),
    ],
)
def test_runs_of_different_suites_or_seeds_are_not_compared(
    changed: dict[str, Any], said: str, folder: Path, tmp_path: Path, capsys: Capture
) -> None:
    other = shutil.copytree(folder / "patchy", tmp_path / "other")
    kept = json.loads((other / "manifest.json").read_text())
    kept["settings"] |= changed
    (other / "manifest.json").write_text(json.dumps(kept))

    assert main(["associate", str(folder / "sound"), str(other)]) == 2
    refused(capsys, said)
