"""The page of a run, in a real browser."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from prompts.structure import Prompt
from t2i_audit.report.html.page import Section, render_page
from t2i_audit.report.html.run import decodability
from t2i_audit.report.html.run.contents import read_contents
from t2i_audit.report.html.run.decodability import decodability_section
from t2i_audit.report.html.run.overview import overview_section
from t2i_audit.report.html.run.page import run_page
from t2i_audit.report.html.run.success import success_section
from t2i_audit.report.html.run.verdicts import verdicts_section
from t2i_audit.report.verdict import verdict_sentences
from t2i_audit.results.decoding import StationSummary
from t2i_audit.results.interval import Interval, undefined
from t2i_audit.results.run import Run, load_run
from t2i_audit.results.success import SuccessRates
from t2i_audit.results.summary import RunSummary, read_summary
from t2i_audit.run.manifest import new_manifest
from t2i_audit.run.tables import table_from_rows, table_path, write_table
from tests.browser import browsing, quiet_tab, serious_violations, wait_until
from tests.report.html.made_run import made_run, world_prompts

SUMMARIES = Path(__file__).parents[1] / "summaries"
HOSTILE = "</script><script>alert(1)</script><img src=https://example.org/x onerror=alert(2)>\u2028"
LARGE = 20_000_000
DRAWN = """[...document.querySelectorAll('[data-chart]')].every(
    (place) => place.dataset.drawn || place.closest('details:not([open])'))"""


def written(run: Run, folder: Path) -> str:
    path = folder / "report.html"
    path.write_text(run_page(run, most_bytes=LARGE), encoding="utf-8")
    return path.as_uri()


def full_run(folder: Path, prompts: Sequence[Prompt], **options: Any) -> Run:
    """A made run with a rate and a station, of which no layer was read."""
    run = made_run(folder, prompts, **options)
    write_table(table_path(folder, "probes"), "probes", table_from_rows("probes", ()))
    half = Interval(0.5, 0.4, 0.6, len(prompts))
    summary = replace(
        run.summary,
        success=SuccessRates(half, {}, {"relation": half}, {}),
        stations={"text_encoder": StationSummary(half, {})},
    )
    return replace(run, summary=summary)


def opened(tab: Any, address: str) -> None:
    tab.goto(address)
    wait_until(tab, DRAWN)


@browsing
@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 390)])
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
    run = full_run(tmp_path / "run", prompts, judges=(HOSTILE,))
    summary = replace(run.summary, model=HOSTILE, suite="\u202egnp.exe", notes=(HOSTILE,))
    with quiet_tab(browser) as tab:
        opened(tab, written(replace(run, summary=summary), tmp_path))

        assert tab.locator("h1").text_content().startswith("</script><script>alert(1)</script>")
        assert "\\u202e" in tab.locator("h1").text_content()
        assert tab.locator("img[src^=https]").count() == 0
        assert tab.evaluate("document.documentElement.scrollWidth <= innerWidth")


@browsing
def test_thousands_of_points_can_be_chosen(browser: Any, tmp_path: Path) -> None:
    run = full_run(tmp_path / "run", world_prompts(2_000), seeds=1, files=1)
    with quiet_tab(browser, viewport={"width": 1280, "height": 900}) as tab:
        tab.goto(rendered(tmp_path, decodability_section(read_contents(run))))
        place = tab.locator("[data-chart=decodability-text-encoder][data-drawn]")
        place.locator("canvas").wait_for()
        tab.evaluate(
            "document.addEventListener('show-prompt', (event) => { window.chosen = event.detail; })"
        )
        box = place.locator("canvas").bounding_box()
        # All points lie above 0.5, on both sides of the middle.
        for across in range(int(box["width"] / 2) - 40, int(box["width"] / 2) + 80, 3):
            place.click(position={"x": across, "y": 155})
            if tab.evaluate("window.chosen !== undefined"):
                break

        assert tab.evaluate("window.chosen.prompt_id").startswith("prompt-")


def rendered(folder: Path, *sections: Section) -> str:
    path = folder / "page.html"
    path.write_text(render_page("page", sections), encoding="utf-8")
    return path.as_uri()


def of_summary(summary: RunSummary, folder: Path) -> list[Section]:
    """The sections that rest on the summary alone."""
    run = Run(folder, new_manifest({}, created=""), summary)
    return [overview_section(run), success_section(summary), verdicts_section(summary)]


@browsing
@pytest.mark.parametrize("name", [path.stem for path in sorted(SUMMARIES.glob("*.json"))])
def test_summaries_of_every_kind_and_age_are_shown(browser: Any, tmp_path: Path, name: str) -> None:
    sections = of_summary(read_summary(SUMMARIES / f"{name}.json"), tmp_path)
    with quiet_tab(browser, viewport={"width": 390, "height": 800}) as tab:
        opened(tab, rendered(tmp_path, *sections))

        assert serious_violations(tab) == []
        assert "nan" not in tab.locator("main").inner_text().split()


@browsing
def test_a_run_of_which_no_image_could_be_judged_is_shown(browser: Any, tmp_path: Path) -> None:
    none = undefined()
    summary = replace(
        read_summary(SUMMARIES / "one_prompt.json"),
        success=SuccessRates(none, {"relation": none}, {"relation": none}, {}),
    )
    with quiet_tab(browser) as tab:
        opened(tab, rendered(tmp_path, *of_summary(summary, tmp_path)))

        assert serious_violations(tab) == []
        assert "No image could be judged" in tab.locator("#success").inner_text()


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

        # A prompt whose value no training fold had has no decodability.
        assert 40 < len(chart.spec["data"]["values"]) == prompts <= 48
        assert images == 2 * prompts


def test_of_many_prompts_some_are_drawn_and_all_are_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decodability, "MOST_POINTS", 50)
    run = full_run(tmp_path / "run", world_prompts(120), seeds=1, files=1)

    (chart,) = decodability_section(read_contents(run)).charts

    drawn = [point["prompt_id"] for point in chart.spec["data"]["values"]]
    numbers = [int(prompt_id.removeprefix("prompt-")) for prompt_id in drawn]
    assert (numbers[0], numbers[-1], len(set(numbers))) == (0, 119, 50)
    assert max(np.diff(numbers)) == 3  # as even as 50 of 120 can be
    assert sum(int(row[1]) for row in chart.table.rows) == 120
    assert "50 of 120 prompts, spread evenly over the suite" in chart.caption


def test_what_is_not_known_is_said(patchy: Path) -> None:
    unknown = overview_section(load_run(patchy)).context["unknown"]

    assert any("object_1.colour" in line and "10 for each" in line for line in unknown)


@pytest.fixture(scope="module")
def probed(tmp_path_factory: pytest.TempPathFactory) -> Run:
    import t2i_audit as t2i

    out = tmp_path_factory.mktemp("probe") / "run"
    return t2i.probe("builtin:sound", suite="world-smoke", limit=12, device="cpu", out=out)


@pytest.mark.parametrize("most_bytes", [1_300_000, 1_500_000, 1_700_000])
def test_a_page_is_no_larger_than_it_may_be(tmp_path: Path, most_bytes: int) -> None:
    run = full_run(tmp_path, world_prompts(400), seeds=2)

    page = run_page(run, most_bytes=most_bytes).encode()

    assert 0.85 * most_bytes < len(page) <= most_bytes
