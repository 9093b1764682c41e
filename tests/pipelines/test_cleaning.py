"""Packages that a pipeline cleans its prompts with are part of a run; what is missing is said."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from diffusers.pipelines.pixart_alpha import pipeline_pixart_alpha

from t2i_audit.cli.main import main
from tests.families.checkpoints import build


class Soup:
    """In the place of BeautifulSoup where it is not installed."""

    def __init__(self, text: str, features: str) -> None:
        self.text = text


@pytest.fixture(scope="module")
def pixart(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pixart") / "pixart"
    build("pixart-alpha").save_pretrained(folder)
    return folder


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch) -> Callable[[bool], None]:
    def installed(there: bool) -> None:
        monkeypatch.setattr(pipeline_pixart_alpha, "is_bs4_available", lambda: there)
        monkeypatch.setattr(pipeline_pixart_alpha, "BeautifulSoup", Soup, raising=False)

    return installed


def probe(folder: Path, out: Path) -> int:
    fixed = "--suite world-smoke --limit 8 --device cpu"
    return main(["probe", str(folder), *fixed.split(), "--out", str(out)])


@pytest.mark.parametrize("first", [False, True])
def test_a_finished_run_is_not_shown_as_if_it_were_made_with_them(
    first: bool,
    pixart: Path,
    install: Callable[[bool], None],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    install(first)
    assert probe(pixart, tmp_path / "run") == 0
    assert probe(pixart, tmp_path / "run") == 0  # nothing has changed

    install(not first)
    capsys.readouterr()
    assert probe(pixart, tmp_path / "run") == 2
    there, here = ("installed", "absent") if first else ("absent", "installed")
    said = capsys.readouterr().err.splitlines()[-1]
    assert f"caption_cleaning.beautifulsoup4 is '{there}' there and '{here}' here" in said


def test_prompts_that_are_not_cleaned_are_noted(
    pixart: Path,
    install: Callable[[bool], None],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    note = (
        "PixArtAlphaPipeline cleans its prompts only where beautifulsoup4 and ftfy are installed; "
        "beautifulsoup4 is not, so they were only put into small letters."
    )
    for there in (False, True):
        install(there)
        capsys.readouterr()
        assert probe(pixart, tmp_path / str(there)) == 0
        assert (note in capsys.readouterr().err) != there
        summary = json.loads((tmp_path / str(there) / "summary.json").read_text())
        assert (note in summary["notes"]) != there


def test_a_pipeline_that_cleans_nothing_does_not_depend_on_them(tmp_path: Path) -> None:
    assert main(["probe", "builtin:sound", "--limit", "8", "--out", str(tmp_path / "run")]) == 0

    settings = json.loads((tmp_path / "run" / "manifest.json").read_text())["settings"]
    assert settings["caption_cleaning"] == {}
