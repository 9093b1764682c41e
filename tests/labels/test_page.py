"""The page on which images are labelled, worked by keyboard in a real browser."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import t2i_audit as t2i
from t2i_audit.cli.main import main
from t2i_audit.images.thumbnails import embedded
from t2i_audit.labels.page import PageItem, PageQuestion, render_page
from t2i_audit.labels.read import image_keys, read_labels
from tests.browser import browsing, quiet_tab, wait_until

HOSTILE = "</script><script>alert(1)</script><b>\u2028"
PIXEL = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGA"
    "WjR9awAAAABJRU5ErkJggg=="
)


@pytest.fixture
def opened(browser: Any) -> Iterator[Any]:
    """A browser tab that must ask for nothing and complain of nothing."""
    with quiet_tab(browser, files=2, accept_downloads=True) as tab:
        yield tab


def press(tab: Any, keys: str) -> None:
    for key in keys.split():
        tab.keyboard.press(key)


def begin(tab: Any, rater: str) -> None:
    """Type the rater's name and go on to the first image; a browser takes its time over either."""
    tab.locator("#rater:focus").wait_for()
    tab.keyboard.type(rater)
    wait_until(tab, "name => document.getElementById('rater').value === name", arg=rater)
    tab.keyboard.press("Enter")
    tab.locator("#work").wait_for()


def saved(tab: Any) -> str:
    with tab.expect_download() as download:
        tab.keyboard.press("s")
    return Path(download.value.path()).read_text(encoding="utf-8")


def page_of(run: Path, out: Path, *options: str) -> Path:
    assert main(["label", str(run), "-o", str(out), *options]) == 0
    return out


@browsing
def test_what_is_typed_is_what_is_saved(run: Path, tmp_path: Path, opened: Any) -> None:
    """Six images of three questions each: colour, shape and the whole."""
    opened.goto(page_of(run, tmp_path / "label.html", "--n", "6").as_uri())
    begin(opened, 'Ann "A", B')
    answers = ["y y y", "n y n", "c c c", "y n n", "y y c", "n n n"]
    for keys in answers:
        press(opened, keys)

    text = saved(opened)

    path = tmp_path / "labels.csv"
    path.write_text(text)
    loaded = t2i.load_run(run)
    rows = list(csv.DictReader(io.StringIO(text)))
    names = {"y": "yes", "n": "no", "c": "cannot tell"}
    slots = ("object_1.colour", "object_1.shape", "correct")
    assert [[row[slot] for slot in slots] for row in rows] == [
        [names[key] for key in keys.split()] for keys in answers
    ]
    assert {row["rater"] for row in rows} == {'Ann "A", B'}
    assert sum(float(row["weight"]) for row in rows) == pytest.approx(8, abs=1e-4)
    judged = loaded.table("judgements").to_dict("records")
    again = t2i.judge(run, f"human:{path}", out=tmp_path / "again")
    assert sum(again.table("judgements")["flaw"] == "no label") == 2
    prompts = t2i.load_suite(run.parent / "suite.jsonl").prompts
    labels = read_labels(str(path), prompts, image_keys(judged)).labels
    assert [label.correct for label in labels].count(True) == 1


@browsing
def test_undo_reload_and_another_image_lose_nothing(run: Path, tmp_path: Path, opened: Any) -> None:
    opened.goto(page_of(run, tmp_path / "label.html", "--n", "6").as_uri())
    begin(opened, "Ann")
    press(opened, "y y n u y ArrowRight n ArrowUp y")
    before = saved(opened)

    opened.reload()
    opened.locator("#work").wait_for()

    assert saved(opened) == before
    assert opened.locator("#progress-text").inner_text() == "1 of 6 images labelled"
    first, second = csv.DictReader(io.StringIO(before))
    assert first["correct"] == "yes"
    assert [first["rater"], second["correct"]] == ["Ann", ""]


@browsing
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_the_page_is_accessible(
    scheme: Any, width: int, run: Path, tmp_path: Path, opened: Any
) -> None:
    from axe_playwright_python.sync_playwright import Axe

    # The page's own policy allows no other script, which the checker is.
    policy = "Content-Security-Policy"
    path = page_of(run, tmp_path / "label.html", "--n", "2")
    path.write_text(path.read_text().replace(policy, "x-none"))
    opened.emulate_media(color_scheme=scheme)
    opened.set_viewport_size({"width": width, "height": 800})
    opened.goto(path.as_uri())
    for keys in ("A n n", "Enter y"):  # the first screen, then an image
        press(opened, keys)
        violations = Axe().run(opened).response["violations"]
        grave = [each["id"] for each in violations if each["impact"] in ("serious", "critical")]
        assert grave == []
    overflow = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert opened.evaluate(overflow) == 0


@browsing
def test_text_from_outside_stays_text(tmp_path: Path, opened: Any) -> None:
    question = PageQuestion(("correct",), HOSTILE)
    item = PageItem(f"{HOSTILE}.png", HOSTILE, 0, "", 1.0, HOSTILE, PIXEL, (question,))
    path = tmp_path / "label.html"
    page = render_page([item], title=HOSTILE, columns=["image", "rater", "correct"])
    path.write_text(page, encoding="utf-8")

    opened.goto(path.as_uri())
    begin(opened, "Ann")
    press(opened, "y")

    assert opened.locator("#prompt").text_content() == HOSTILE
    assert opened.locator("h1").text_content() == HOSTILE
    (row,) = csv.DictReader(io.StringIO(saved(opened)))
    assert row == {"image": f"{HOSTILE}.png", "rater": "Ann", "correct": "yes"}


def test_the_page_does_not_say_what_the_judge_says(run: Path, tmp_path: Path) -> None:
    text = page_of(run, tmp_path / "label.html").read_text()

    assert "oracle" not in text
    assert "sound" not in text  # the checkpoint's name


def test_the_same_seed_gives_the_same_page(run: Path, tmp_path: Path) -> None:
    one, same, other = (
        page_of(run, tmp_path / f"{name}.html", "--n", "5", "--seed", seed).read_text()
        for name, seed in (("one", "1"), ("same", "1"), ("other", "2"))
    )

    assert one == same != other


def test_a_large_image_is_made_to_fit(tmp_path: Path) -> None:
    path = tmp_path / "large.png"
    noise = Image.effect_noise((1024, 1024), 90).convert("RGB")
    noise.save(path)

    fitting = embedded(path, 100_000)

    assert fitting is not None
    assert len(fitting) < 100_100
    assert embedded(path, 1_000) is None


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--n", "0"], "--n should be at least 1"),
        (["--max-mb", "0"], "--max-mb should be at least"),
    ],
)
def test_options_out_of_range_are_refused(
    options: list[str],
    message: str,
    run: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["label", str(run), "-o", str(tmp_path / "label.html"), *options]) == 2
    assert message in capsys.readouterr().err


def test_a_page_is_no_folder_and_lies_outside_the_run(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for out, message in ((tmp_path, "is a folder"), (run / "label.html", "lies in the run")):
        assert main(["label", str(run), "-o", str(out)]) == 2
        assert message in capsys.readouterr().err
