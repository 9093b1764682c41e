"""What the manual and README must hold, whatever they say."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from scripts import build_docs
from tests.docs.pages import DOCS, README, ROOT, pages

MOST_LINES = 150
MODULE = re.compile(r"`((?:t2i_audit|prompts|synthetic|scripts|tests)(?:/[\w.-]+)*/?)`")
LINK = re.compile(r"\]\(([^)#:]+\.(?:md|png|svg|cff|txt))(?:#[\w-]+)?\)")
# Sentences over which readers stumbled (issue 13).
STUMBLING = (
    "gives up nearly every slot",
    "gives up",
    "What makes no picture is refused",
    "Images a prompt",
    "images a prompt",
    "found by what the pipeline computes, not by its name",
    "Of two stages the one that is recorded takes",
    "Take in others'",
    "flags doubles",
    "lost where it falls",
)
GENERATED = re.compile(r"<!-- begin generated.*?<!-- end generated", re.DOTALL)


def named(value: Any) -> str:
    if isinstance(value, Path):
        return str(value.relative_to(ROOT))
    return " ".join(value[0])


@pytest.mark.parametrize("page", build_docs.pages(), ids=named)
def test_generated_parts_are_what_the_generator_makes_now(page: Path) -> None:
    text = page.read_text(encoding="utf-8")

    assert build_docs.filled(text) == text, "run python -m scripts.build_docs"


def test_a_stale_page_is_noticed_and_written_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(build_docs, "DOCS", tmp_path)
    monkeypatch.setattr(build_docs, "ROOT", tmp_path)
    page = tmp_path / "page.md"
    mark = "generated: columns -->"
    page.write_text(f"before\n<!-- begin {mark}\nstale text\n<!-- end {mark}\nafter\n")

    assert build_docs.main(["--check"]) == 1
    assert "page.md is out of date" in capsys.readouterr().out
    assert build_docs.main([]) == 0
    assert build_docs.main(["--check"]) == 0

    text = page.read_text()
    assert text.startswith("before\n") and text.endswith("after\n")
    assert "`image_sha256`" in text and "stale text" not in text


def test_readme_is_short() -> None:
    assert len(README.read_text(encoding="utf-8").splitlines()) <= MOST_LINES


@pytest.mark.parametrize("command", list(build_docs.commands()), ids=named)
def test_every_command_has_help_and_stands_in_the_manual(
    command: tuple[tuple[str, ...], Any],
) -> None:
    names, parsed = command
    written = "\n".join(GENERATED.sub("", page.read_text(encoding="utf-8")) for page in pages())

    assert parsed.help
    assert " ".join(names) in written, "show it in a page, besides the generated reference"


@pytest.mark.parametrize("page", pages(), ids=named)
def test_paths_that_a_page_names_exist(page: Path) -> None:
    paths = set(MODULE.findall(page.read_text(encoding="utf-8")))
    # `NAME` stands for what a reader puts in its place.
    real = {path for path in paths if "NAME" not in path}
    missing = {path for path in real if not (ROOT / path).exists()}

    assert not missing


@pytest.mark.parametrize("page", pages(), ids=named)
def test_links_of_a_page_lead_to_files(page: Path) -> None:
    for target in LINK.findall(page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), target


@pytest.mark.parametrize("page", pages(), ids=named)
def test_no_page_has_a_sentence_over_which_readers_stumbled(page: Path) -> None:
    text = " ".join(GENERATED.sub("", page.read_text(encoding="utf-8")).split())

    assert not [sentence for sentence in STUMBLING if sentence in text]


def test_the_manual_builds_without_a_warning(tmp_path: Path) -> None:
    config = pytest.importorskip("mkdocs.config", reason="make docs installs mkdocs")
    from mkdocs.commands.build import build

    with (ROOT / "mkdocs.yml").open("rb") as file:
        loaded = config.load_config(file, site_dir=str(tmp_path / "site"), strict=True)
        build(loaded)

    built = {path.relative_to(tmp_path / "site") for path in (tmp_path / "site").rglob("*.html")}
    wanted = {page.relative_to(DOCS).with_suffix(".html") for page in pages()[1:]}
    assert wanted <= built
    # A fence whose options the site does not understand would stand there as it is.
    site = tmp_path / "site"
    assert not [page for page in wanted if "```" in (site / page).read_text(encoding="utf-8")]
