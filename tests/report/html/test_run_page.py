"""The page of a run, in a real browser."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from t2i_audit.report.html.page import render_page
from t2i_audit.report.html.run.contents import read_contents
from t2i_audit.report.html.run.decodability import decodability_section
from t2i_audit.report.html.run.overview import overview_section
from t2i_audit.report.html.run.page import run_page
from t2i_audit.report.html.run.success import success_section
from t2i_audit.report.html.run.verdicts import verdicts_section
from t2i_audit.report.verdict import verdict_sentences
from t2i_audit.results.run import Run, load_run
from t2i_audit.results.summary import read_summary
from t2i_audit.run.manifest import new_manifest
from tests.browser import browsing, quiet_tab, serious_violations
from tests.report.html.made_run import made_run, world_prompts

SUMMARIES = Path(__file__).parents[1] / "summaries"
HOSTILE = "</script><script>alert(1)</script><img src=https://example.org/x onerror=alert(2)>\u2028"
LARGE = 20_000_000
DRAWN = """[...document.querySelectorAll('[data-chart]')]
    .filter((place) => !place.closest('details:not([open])')).every((place) => place.dataset.drawn)"""


def written(run: Run, folder: Path) -> str:
    path = folder / "report.html"
    path.write_text(run_page(run, most_bytes=LARGE), encoding="utf-8")
    return path.as_uri()


def opened(tab: Any, address: str) -> None:
    tab.goto(address)
    tab.wait_for_function(DRAWN)


@browsing
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_a_run_is_shown_without_a_request_or_a_complaint(
    browser: Any, patchy: Path, scheme: str, width: int
) -> None:
    options: dict[str, Any] = {"color_scheme": scheme, "viewport": {"width": width, "height": 800}}
    with quiet_tab(browser, **options) as tab:
        # The page that the audit itself has left.
        opened(tab, (patchy / "report.html").as_uri())
        tab.evaluate(
            "document.querySelectorAll('details').forEach((each) => { each.open = true; })"
        )

        assert serious_violations(tab) == []
        assert tab.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert tab.locator("#verdict .verdict").all_text_contents() == list(
            verdict_sentences(load_run(patchy).summary)
        )


@browsing
def test_a_point_tells_its_prompt_and_shows_its_images(browser: Any, patchy: Path) -> None:
    with quiet_tab(browser, viewport={"width": 1280, "height": 900}) as tab:
        opened(tab, (patchy / "report.html").as_uri())
        point = tab.locator("[data-chart=decodability-text-encoder] .mark-symbol.role-mark path")
        texts = {prompt.text for prompt in read_contents(load_run(patchy)).prompts}
        point.last.hover()
        shown = tab.locator("#vg-tooltip-element.visible").text_content()
        prompt = next(text for text in texts if text in shown)
        point.last.click()

        assert "weakest slot" in shown
        tab.locator("#gallery", has_text=prompt).wait_for()
        assert tab.locator("#gallery img").count() == 2


@browsing
def test_a_print_has_every_chart_in_its_width(browser: Any, patchy: Path) -> None:
    with quiet_tab(browser, viewport={"width": 1280, "height": 900}) as tab:
        opened(tab, (patchy / "report.html").as_uri())
        tab.emulate_media(media="print")
        tab.set_viewport_size({"width": 700, "height": 1000})

        assert tab.pdf().startswith(b"%PDF")
        assert tab.evaluate(
            "[...document.querySelectorAll('.chart svg')].every((svg) =>"
            " svg.getBoundingClientRect().right <= innerWidth)"
        )


@browsing
@pytest.mark.parametrize("n", [1, 12])
def test_hostile_text_is_only_text(browser: Any, tmp_path: Path, n: int) -> None:
    prompts = [
        replace(prompt, text=prompt.text + HOSTILE + "x" * 10_000) for prompt in world_prompts(n)
    ]
    run = made_run(tmp_path / "run", prompts, judges=(HOSTILE,))
    summary = replace(run.summary, model=HOSTILE, suite="\u202egnp.exe", notes=(HOSTILE,))
    with quiet_tab(browser) as tab:
        opened(tab, written(replace(run, summary=summary), tmp_path))

        assert tab.locator("h1").text_content().startswith("</script><script>alert(1)</script>")
        assert "\\u202e" in tab.locator("h1").text_content()
        assert tab.locator("img[src^=https]").count() == 0
        assert tab.evaluate("document.documentElement.scrollWidth <= innerWidth")


@browsing
def test_thousands_of_points_can_be_chosen(browser: Any, tmp_path: Path) -> None:
    run = made_run(tmp_path / "run", world_prompts(2_000), seeds=1, files=1)
    with quiet_tab(browser, viewport={"width": 1280, "height": 900}) as tab:
        tab.goto(rendered(tmp_path, decodability_section(read_contents(run))))
        place = tab.locator("[data-chart=decodability-text-encoder][data-drawn]")
        place.locator("canvas").wait_for()
        tab.evaluate(
            "document.addEventListener('show-prompt', (event) => { window.chosen = event.detail; })"
        )
        box = place.locator("canvas").bounding_box()
        for across in range(60, int(box["width"]), 4):
            place.click(position={"x": across, "y": 30})
            if tab.evaluate("window.chosen !== undefined"):
                break

        assert tab.evaluate("window.chosen.prompt_id").startswith("prompt-")


def rendered(folder: Path, *sections: Any) -> str:
    path = folder / "page.html"
    path.write_text(render_page("page", sections), encoding="utf-8")
    return path.as_uri()


@pytest.mark.parametrize("name", [path.stem for path in sorted(SUMMARIES.glob("*.json"))])
def test_summaries_of_every_kind_have_a_page(name: str, tmp_path: Path) -> None:
    summary = read_summary(SUMMARIES / f"{name}.json")
    run = Run(tmp_path, new_manifest({}, created=""), summary)
    sections = [overview_section(run), success_section(summary), verdicts_section(summary)]
    page = render_page(name, sections)

    assert all(section.context for section in sections)
    assert "undefined%" not in page and "nan" not in page.lower().replace("finance", "")[:20_000]


def test_a_probe_says_why_it_shows_no_images(probed: Run) -> None:
    page = run_page(probed, most_bytes=LARGE)

    assert "This run made no images, so nothing was drawn." in page
    assert "What is drawn is not known, because a probe makes no images." in page
    assert 'id="gallery"' not in page
    assert f"t2i-audit probe builtin:sound --suite world-smoke --out {probed.path}" in page


def test_success_is_shown_with_its_interval_and_n(patchy: Path) -> None:
    summary = load_run(patchy).summary
    assert summary.success is not None
    (chart,) = success_section(summary).charts
    rows = {row[0]: row for row in chart.table.rows}

    assert rows["all"][1:3] == ("96", str(summary.success.overall))
    assert rows["slot relation"][2] == str(summary.success.by_slot["relation"])


def test_tenths_of_decodability_hold_every_prompt_and_image(patchy: Path) -> None:
    for chart in decodability_section(read_contents(load_run(patchy))).charts:
        prompts, images = (sum(int(row[at]) for row in chart.table.rows) for at in (1, 2))

        assert len(chart.spec["data"]["values"]) == prompts == 48
        assert images == 96


def test_what_is_not_known_is_said(patchy: Path) -> None:
    unknown = overview_section(load_run(patchy)).context["unknown"]

    assert any("object_1.colour" in line and "10 for each" in line for line in unknown)


@pytest.fixture(scope="module")
def probed(tmp_path_factory: pytest.TempPathFactory) -> Run:
    import t2i_audit as t2i

    out = tmp_path_factory.mktemp("probe") / "run"
    return t2i.probe("builtin:sound", suite="world-smoke", limit=12, device="cpu", out=out)
