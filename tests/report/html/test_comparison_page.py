"""The page of a comparison, in a real browser."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from t2i_audit.report.html.comparison import comparison_page
from t2i_audit.results.comparison import Comparison, Flips
from tests.browser import browsing, quiet_tab, serious_violations, wait_until
from tests.report.html.made_board import HOSTILE, made_comparison

DRAWN = "document.querySelectorAll('[data-chart]:not([data-drawn])').length === 0"
PLENTY = 20_000_000  # bytes


def written(comparison: Comparison, folder: Path, *, most_bytes: int = PLENTY) -> str:
    path = folder / "comparison.html"
    page = comparison_page(comparison, root=folder, most_bytes=most_bytes)
    path.write_text(page, encoding="utf-8")
    return path.as_uri()


def prompts(n: int) -> list[str]:
    return [f"a {'red' if place % 2 else 'blue'} star number {place}" for place in range(n)]


@browsing
@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 390)])
def test_a_comparison_is_drawn_without_a_request_or_a_complaint(
    browser: Any, tmp_path: Path, scheme: str, width: int
) -> None:
    options: dict[str, Any] = {"color_scheme": scheme, "viewport": {"width": width, "height": 800}}
    with quiet_tab(browser, **options) as tab:
        tab.goto(written(made_comparison(tmp_path, prompts(6)), tmp_path))
        wait_until(tab, DRAWN)

        assert serious_violations(tab) == []
        assert tab.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert tab.locator(".flips li").count() == 6


@browsing
def test_flipped_images_stand_side_by_side_those_that_became_wrong_first(
    browser: Any, tmp_path: Path
) -> None:
    with quiet_tab(browser) as tab:
        tab.goto(written(made_comparison(tmp_path, prompts(6)), tmp_path))
        pairs = tab.locator(".flips li")

        assert [text.split()[2] for text in pairs.all_text_contents()] == ["wrong"] * 4 + [
            "right"
        ] * 2
        first = pairs.first.locator("figcaption").all_text_contents()
        assert first == ["base: right", "candidate: wrong"]
        loaded = "images => images.every(image => image.complete && image.naturalWidth === 32)"
        assert tab.locator(".flips img").evaluate_all(loaded)


@browsing
def test_flipped_images_are_filtered_by_direction_and_by_words(
    browser: Any, tmp_path: Path
) -> None:
    with quiet_tab(browser) as tab:
        tab.goto(written(made_comparison(tmp_path, prompts(6)), tmp_path))
        shown = tab.locator(".flips li:visible")

        tab.get_by_label("Show").select_option("became right")
        assert shown.count() == 2
        tab.get_by_label("Prompt contains").fill("RED")
        assert shown.locator(".prompt").all_text_contents() == ["a red star number 5"]
        assert tab.locator("output").text_content() == "1 of 1 pairs shown"


@browsing
def test_more_pairs_come_when_asked_for_and_the_keyboard_goes_on_there(
    browser: Any, tmp_path: Path
) -> None:
    with quiet_tab(browser) as tab:
        tab.goto(written(made_comparison(tmp_path, prompts(30)), tmp_path))
        shown = tab.locator(".flips li:visible")
        assert shown.count() == 24

        tab.get_by_role("button", name="Show more").press("Enter")

        assert shown.count() == 30
        assert tab.evaluate("document.activeElement.textContent") == shown.nth(24).text_content()
        assert not tab.get_by_role("button", name="Show more").is_visible()


@pytest.mark.parametrize("padding", [0, 2000])
def test_a_page_keeps_to_its_size_and_says_what_it_leaves_out(tmp_path: Path, padding: int) -> None:
    long = [prompt + " &" * (padding // 2) for prompt in prompts(60)]
    comparison = made_comparison(tmp_path, long)
    # With no image at all, the section and its sentence are there.
    most = len(comparison_page(comparison, root=tmp_path, most_bytes=0).encode()) + 80_000

    page = comparison_page(comparison, root=tmp_path, most_bytes=most)

    assert 'data-direction="wrong"' in page and 'data-direction="right"' in page
    assert "pairs of images are left out" in page
    assert len(page.encode()) <= most


def test_an_image_that_is_gone_is_counted_and_the_others_are_shown(tmp_path: Path) -> None:
    comparison = made_comparison(tmp_path, prompts(3))
    (tmp_path / "base" / comparison.flipped[0].base_image).unlink()

    page = comparison_page(comparison, root=tmp_path, most_bytes=PLENTY)

    assert "The files of 1 pair of images cannot be read." in page
    assert page.count("<li data-direction") == 2


def test_settings_that_differ_are_named_and_the_command_is_quoted(tmp_path: Path) -> None:
    folder = tmp_path / "two words"
    page = comparison_page(made_comparison(folder, prompts(1)), root=tmp_path, most_bytes=PLENTY)

    assert "Settings that differ (1)" in page
    assert '<th scope="row">sampler.steps</th><td>4</td><td>8</td>' in page
    assert f"t2i-audit compare &#39;{folder}/base&#39; &#39;{folder}/candidate&#39;" in page


def test_a_difference_that_may_be_one_of_many_is_not_called_sure(tmp_path: Path) -> None:
    page = comparison_page(made_comparison(tmp_path, prompts(1)), root=tmp_path, most_bytes=PLENTY)

    row = next(line for line in page.splitlines() if "<tr>" in line and "slot model<" in line)
    # Its own interval leaves 0 out, and Holm's correction over all parts does not.
    assert "+1.0 [+0.1, +2.0]" in row and "not told apart" in row


def test_runs_without_a_flip_have_no_section_of_images(tmp_path: Path) -> None:
    comparison = made_comparison(tmp_path, prompts(1))
    same = replace(comparison, flipped=(), flips=Flips(0, 0, 480, float("nan")))

    page = comparison_page(same, root=tmp_path, most_bytes=PLENTY)

    assert "Images that flipped" not in page
    assert "No prompt of 480 has more right images in one run than in the other." in page


@browsing
def test_hostile_names_and_prompts_are_only_text(browser: Any, tmp_path: Path) -> None:
    comparison = made_comparison(tmp_path, [HOSTILE, "=cmd()"], name=HOSTILE)
    with quiet_tab(browser) as tab:
        tab.goto(written(comparison, tmp_path))
        wait_until(tab, DRAWN)

        shown = tab.locator(".flips .prompt").all_text_contents()
        assert shown == [HOSTILE.replace("\u2028", "\\u2028"), "=cmd()"]
        assert tab.locator("main img").count() == 4
