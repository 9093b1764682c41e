"""The gallery of a run's page, worked in a real browser and compared with the run's tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from prompts.structure import Constituent, Foil, Prompt
from t2i_audit.report.html.gallery import gallery_section
from t2i_audit.report.html.page import render_page
from t2i_audit.results.run import Run
from tests.browser import browsing, quiet_tab, serious_violations, wait_until
from tests.report.html.made_run import made_run, world_prompts

HOSTILE = "</script><script>alert(1)</script><img src=https://example.org/x onerror=alert(2)>\u2028"
MOST = 5_000_000
pytestmark = browsing


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A hundred images of 50 prompts, one to three of each, and two judges."""
    folder = tmp_path_factory.mktemp("gallery") / "run"
    return made_run(folder, world_prompts(50), judges=("oracle", "second"))


@pytest.fixture(scope="module")
def page(run: Run) -> Path:
    return written(run)


def written(run: Run, most_bytes: int = MOST) -> Path:
    path = run.path.with_suffix(".html")
    section = gallery_section(run, most_bytes=most_bytes)
    path.write_text(render_page("A run", [section]), encoding="utf-8")
    return path


@pytest.fixture
def tab(browser: Any, page: Path) -> Iterator[Any]:
    with quiet_tab(browser, files=3, viewport={"width": 1280, "height": 900}) as tab:
        tab.goto(page.as_uri())
        tab.locator(".gallery-card").first.wait_for()
        yield tab


def table_of(run: Run) -> pd.DataFrame:
    """The primary judge's verdicts with their prompts, in the suite's order, then by seed."""
    judged = run.table("judgements")
    own = judged[judged.judge == run.summary.judge]
    prompts = run.table("prompts").reset_index(names="order")
    table = own.merge(prompts, on="prompt_id").merge(run.table("attributions"), on="prompt_id")
    return table.sort_values(["order", "seed"]).reset_index(drop=True)


def choose(tab: Any, **values: str) -> None:
    for name, value in values.items():
        control = tab.locator(f"#gallery-filters [name={name}]")
        if name == "text":
            control.fill(value)
        else:
            control.select_option(value)


def counted(tab: Any) -> int:
    return int(tab.locator("#gallery-count").text_content().split()[0].replace(",", ""))


def seen(tab: Any) -> list[int]:
    """The images of the cards in the page, by their places in the table."""
    found: list[int] = tab.locator("#gallery-list [data-image]").evaluate_all(
        "all => all.map((each) => Number(each.dataset.image))"
    )
    return found


def wrong_in(table: pd.DataFrame, slot: str) -> pd.Series:
    return table.slots.map(lambda slots: slots.get(slot) is False)


def blamed(table: pd.DataFrame, cause: str | None) -> pd.Series:
    known = table.cause.isna() if cause is None else table.cause == cause
    return known & table.correct.eq(False)


def test_each_filter_shows_what_the_tables_hold(tab: Any, run: Run) -> None:
    table = table_of(run)
    expected: list[tuple[Mapping[str, str], pd.Series]] = [
        ({}, table.seed >= 0),
        ({"verdict": "right"}, table.correct.eq(True)),
        ({"verdict": "wrong"}, table.correct.eq(False)),
        ({"verdict": "undecided"}, table.correct.isna()),
        *(
            ({"slot": slot}, wrong_in(table, slot))
            for slot in ("object_1.colour", "object_2.shape", "relation")
        ),
        *(
            ({"culprit": name}, blamed(table, cause))
            for name, cause in (
                ("text encoder", "encoder"),
                ("denoiser", "denoiser"),
                ("chance", "chance"),
                ("not known", None),
            )
        ),
        *(({"type": name}, table.type == name) for name in set(table.type)),
        *(({"split": name}, table.split == name) for name in ("seen", "held_out")),
        ({"text": "RED"}, table.text.str.contains("red")),
        (
            {"verdict": "wrong", "slot": "object_1.colour", "split": "seen", "text": "a "},
            table.correct.eq(False) & wrong_in(table, "object_1.colour") & (table.split == "seen"),
        ),
    ]
    for filters, rows in expected:
        tab.locator("#gallery-reset").click()
        choose(tab, **filters)

        assert (filters, counted(tab)) == (filters, int(rows.sum()))
        assert set(seen(tab)) <= set(table.index[rows])
    assert all(
        0 < rows.sum() < len(table) for filters, rows in expected[1:] if "type" not in filters
    )


def test_images_on_which_judges_disagree_are_found(tab: Any, run: Run) -> None:
    choose(tab, verdict="disputed")

    assert counted(tab) == len(run.disagreements()) > 0


@pytest.mark.parametrize("text", [".*", "a|red", "(", "\\", "[a-z]", "<b>"])
def test_what_is_searched_for_is_text_and_no_pattern(tab: Any, text: str) -> None:
    choose(tab, text=text)

    assert counted(tab) == 0
    assert tab.locator("#gallery-count").text_content() == "0 of 101 images, of 0 prompts"


def test_images_are_sorted(tab: Any, run: Run) -> None:
    table = table_of(run).reset_index(names="place")
    orders: dict[str, tuple[list[str], bool]] = {
        "prompt": (["order", "seed"], True),
        "seed": (["seed", "order"], True),
        "smallest-margin": (["margin"], True),
        "largest-margin": (["margin"], False),
    }
    for name, (columns, ascending) in orders.items():
        choose(tab, sort=name)
        # Cards are made as they come near the screen.
        wait_until(tab, "document.querySelectorAll('#gallery-list [data-image]').length > 23")
        places = seen(tab)

        expected = table.sort_values(columns, ascending=ascending, kind="stable").place
        assert places == expected[: len(places)].to_list()


def test_images_without_a_margin_come_last_in_both_directions(tab: Any, run: Run) -> None:
    without = table_of(run).margin.isna()
    for sort in ("smallest-margin", "largest-margin"):
        choose(tab, sort=sort)
        tab.locator("#gallery-list").focus()
        tab.keyboard.press("End")

        assert seen(tab)[-1] in without.index[without]


def test_the_address_holds_what_is_shown(tab: Any, browser: Any) -> None:
    choose(tab, verdict="wrong", slot="object_1.colour", text="a ", sort="largest-margin")
    places = seen(tab)

    with quiet_tab(browser, viewport={"width": 1280, "height": 900}) as other:
        other.goto(tab.url)
        other.locator(".gallery-card").first.wait_for()

        assert counted(other) == counted(tab) > 0
        assert seen(other) == places
        assert other.locator("[name=slot]").input_value() == "object_1.colour"


def test_an_address_with_unknown_values_shows_all(browser: Any, page: Path) -> None:
    with quiet_tab(browser) as tab:
        tab.goto(f"{page.as_uri()}#gallery?slot=nothing&toString=1&verdict=%3Cb%3E&prompt=x&item=1")
        tab.locator(".gallery-card").first.wait_for()

        assert counted(tab) == 101


def test_a_chart_can_ask_for_the_images_of_a_prompt(tab: Any, run: Run) -> None:
    choose(tab, verdict="right")
    ask = "id => document.dispatchEvent(new CustomEvent('show-prompt', {detail: {prompt_id: id}}))"

    tab.evaluate(ask, "prompt-4")

    table = table_of(run)
    assert seen(tab) == table.index[table.prompt_id == "prompt-4"].to_list()
    assert tab.locator("#gallery-prompt q").text_content() == table.text[seen(tab)[0]]
    tab.evaluate(ask, "no such prompt")
    assert counted(tab) == len(seen(tab))
    tab.locator("#gallery-prompt button").click()
    assert counted(tab) == len(table)


def test_seeds_stand_side_by_side(tab: Any, run: Run) -> None:
    choose(tab, view="seeds", slot="relation", sort="smallest-margin")
    # Groups are made as they come near the screen.
    wait_until(tab, "document.querySelectorAll('.gallery-group').length > 3")

    table = table_of(run)
    rows = table[wrong_in(table, "relation")].sort_values("margin")
    groups = tab.locator(".gallery-group").all()
    for group, prompt_id in zip(groups, rows.prompt_id.unique(), strict=False):
        own = table.index[table.prompt_id == prompt_id]
        places = group.locator("[data-image]").evaluate_all(
            "all => all.map((each) => Number(each.dataset.image))"
        )
        assert places == own.to_list()
    outside = table.prompt_id.isin(rows.prompt_id) & ~wrong_in(table, "relation")
    assert len(groups) > 3
    assert tab.get_by_text("outside the filters").count() <= outside.sum()


def test_an_image_is_looked_at_by_keyboard(tab: Any, run: Run) -> None:
    choose(tab, slot="relation")
    table = table_of(run)
    places = table.index[wrong_in(table, "relation")]
    tab.locator("#gallery-list").focus()
    for key in ("ArrowDown", "ArrowRight", "Enter"):
        tab.keyboard.press(key)
    view = tab.locator("#gallery-view")
    heading = tab.locator("#gallery-view-heading")

    assert heading.text_content() == f"Image 2 of {len(places)}"
    for step, key in ((2, "ArrowRight"), (1, "ArrowLeft"), (0, "ArrowLeft"), (0, "ArrowLeft")):
        tab.keyboard.press(key)
        row = table.loc[places[step]]
        assert heading.text_content() == f"Image {step + 1} of {len(places)}"
        text = view.inner_text()
        assert row.image in text
        assert row.chosen in text
        assert all(foil["text"] in text for foil in row.foils)
    tab.keyboard.press("Escape")
    assert not view.is_visible()
    wait_until(tab, "place => document.activeElement.dataset.image === place", arg=str(places[0]))


def test_another_seed_is_looked_at_and_left_again(tab: Any, run: Run) -> None:
    """It need not be among the images that the filters show."""
    table = table_of(run)
    choose(tab, verdict="wrong")
    shown = seen(tab)
    wrong = table.correct.eq(False)
    mixed = wrong.groupby(table.prompt_id).transform(lambda own: own.sum() == 1 < len(own))
    place = next(place for place in shown if mixed[place])

    tab.locator(f"#gallery-list [data-image='{place}']").click()
    tab.locator(".gallery-seed").first.click()

    heading = tab.locator("#gallery-view-heading").text_content()
    assert heading == f"Another seed of image {shown.index(place) + 1} of {wrong.sum()}"
    tab.keyboard.press("Escape")
    wait_until(tab, "place => document.activeElement.dataset.image === place", arg=str(place))


def test_the_larger_view_tells_how_well_each_slot_is_decoded(tab: Any, run: Run) -> None:
    tab.locator(".gallery-picture").first.click()

    prompt_id = run.table("prompts").prompt_id[0]
    decoded = run.table("decodability")
    own = decoded[decoded.prompt_id == prompt_id].pivot(
        index="slot", columns="station", values="probability"
    )
    cells = tab.locator("#gallery-view tbody tr").evaluate_all(
        "rows => rows.map((row) => [...row.cells].map((cell) => cell.textContent))"
    )
    assert {row[0]: row[3:] for row in cells} == {
        slot: [
            "not read" if pd.isna(value) else f"{value:.2f}"
            for value in own.loc[slot, ["text_encoder", "denoiser"]]
        ]
        for slot in own.index
    }


def test_a_wrong_constituent_is_marked_by_its_words(browser: Any, tmp_path: Path) -> None:
    """The places of words count code points, and a browser's texts count other units."""
    text = "🍎🍎 a red cup"
    part = Constituent("object_1.colour", "colour", "red", 5, 8, ("object_1",))
    run = made_run(tmp_path / "run", [Prompt("1", text, "one_object", "t", (part,))], seeds=1)
    with quiet_tab(browser) as tab:
        tab.goto(written(run).as_uri())
        marked = tab.locator(".gallery-text .gallery-part").first

        assert marked.evaluate("part => part.firstChild.textContent") == "red"
        assert tab.locator(".gallery-picture img").get_attribute("alt").startswith(text)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_everyone_can_use_it(browser: Any, page: Path, scheme: str, width: int) -> None:
    options: dict[str, Any] = {"color_scheme": scheme, "viewport": {"width": width, "height": 800}}
    with quiet_tab(browser, **options) as tab:
        tab.goto(page.as_uri())
        tab.locator(".gallery-card").first.wait_for()

        assert serious_violations(tab) == []
        choose(tab, view="seeds")
        assert serious_violations(tab) == []
        tab.locator(".gallery-picture").first.click()
        assert serious_violations(tab) == []
        assert tab.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert tab.locator("#gallery-view").evaluate("view => view.scrollWidth <= view.clientWidth")


def hostile_prompts() -> Sequence[Prompt]:
    part = Constituent(HOSTILE, HOSTILE, HOSTILE, 0, 9, (HOSTILE,))
    own = Prompt(HOSTILE, HOSTILE, HOSTILE, HOSTILE, (part,), (Foil(HOSTILE + "x", HOSTILE),))
    long = Prompt("long", "ever more words " * 700, "long", "t", ())
    return (own, long)


def test_hostile_and_long_text_is_only_text(browser: Any, tmp_path: Path) -> None:
    run = made_run(tmp_path / "run", hostile_prompts(), judges=(HOSTILE, "second"), seeds=2)
    with quiet_tab(browser, viewport={"width": 390, "height": 800}) as tab:
        tab.goto(written(run).as_uri())
        tab.locator(".gallery-card").first.wait_for()
        assert tab.locator(".gallery-text").first.text_content().startswith("</script")
        tab.locator(".gallery-picture").first.click()
        tab.keyboard.press("ArrowRight")
        tab.keyboard.press("ArrowRight")

        assert "ever more words" in tab.locator("#gallery-view").inner_text()
        assert tab.locator("#gallery-view").evaluate("view => view.scrollWidth <= view.clientWidth")
        tab.keyboard.press("Escape")
        tab.locator("#gallery-filters [name=text]").fill(HOSTILE.strip("\u2028"))
        assert counted(tab) == 2
        assert tab.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert tab.locator('img:not([src^="data:image/webp"])').count() == 0


def test_what_was_not_judged_or_read_is_left_out(browser: Any, tmp_path: Path) -> None:
    """Of a judge that judges no slots, in a run without probes; prompts without structure."""
    prompts = [Prompt(str(i), f"text {i}", "plain", "t", ()) for i in range(5)]
    run = made_run(tmp_path / "run", [*prompts, *world_prompts(2)], read=False, seeds=1)
    with quiet_tab(browser) as tab:
        tab.goto(written(run).as_uri())
        tab.locator(".gallery-card").first.wait_for()

        assert not tab.locator("[name=slot]").is_visible()
        tab.locator(".gallery-picture").last.click()
        assert "not read" in tab.locator("#gallery-view tbody tr").first.inner_text()
        for _ in range(6):
            tab.keyboard.press("ArrowLeft")
        assert tab.locator("#gallery-view-heading").text_content() == "Image 1 of 7"
        assert tab.locator("#gallery-view table").count() == 0


def test_files_that_were_lost_or_changed_are_marked_and_counted(
    browser: Any, tmp_path: Path
) -> None:
    run = made_run(tmp_path / "run", world_prompts(6), seeds=1)
    files = sorted((run.path / "images").iterdir())
    files[0].unlink()
    files[1].write_bytes(files[1].read_bytes()[:-20])
    files[2].write_bytes(files[3].read_bytes())
    with quiet_tab(browser) as tab:
        tab.goto(written(run).as_uri())
        tab.locator(".gallery-card").first.wait_for()

        assert counted(tab) == 6
        assert tab.locator(".gallery-picture img").count() == 3
        assert tab.get_by_text("File missing or damaged").count() == 3
        assert tab.locator("#gallery-faults").text_content().startswith("3 of 6 images")


@pytest.fixture(scope="module")
def ten_thousand(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("many") / "run"
    return written(made_run(folder, world_prompts(5000), sides=(8,), files=20), 20_000_000)


@pytest.mark.slow
def test_of_ten_thousand_images_only_those_near_the_screen_are_in_the_page(
    browser: Any, ten_thousand: Path
) -> None:
    with quiet_tab(browser, viewport={"width": 1280, "height": 900}) as tab:
        tab.goto(ten_thousand.as_uri())
        tab.locator(".gallery-card").first.wait_for()
        assert counted(tab) == 10_001
        most = 0
        for share in range(0, 101, 5):
            tab.evaluate(
                "share => { const list = document.getElementById('gallery-list');"
                " list.scrollTop = (list.scrollHeight - list.clientHeight) * share / 100; }",
                share,
            )
            # What is on the screen is drawn, wherever one jumps to.
            wait_until(
                tab,
                "() => { const { x, y, width, height } ="
                " document.getElementById('gallery-list').getBoundingClientRect();"
                " const at = document.elementFromPoint(x + width / 12, Math.min(y + height / 2,"
                " innerHeight - 9)); return at.closest('.gallery-card'); }",
            )
            most = max(most, tab.locator(".gallery-card").count())
        assert 0 < most <= 200
        tab.locator("#gallery-list").focus()
        tab.keyboard.press("End")
        assert seen(tab)[-1] == 10_000


def test_a_print_shows_no_empty_place(browser: Any, ten_thousand: Path) -> None:
    with quiet_tab(browser) as tab:
        tab.goto(ten_thousand.as_uri())
        tab.locator(".gallery-card").first.wait_for()
        tab.emulate_media(media="print")

        assert tab.evaluate("document.documentElement.scrollHeight") < 50_000
