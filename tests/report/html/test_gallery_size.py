"""A gallery keeps to its bytes, and what it leaves out follows a rule."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from prompts.structure import Prompt
from t2i_audit.errors import AuditError
from t2i_audit.report.html.gallery import gallery_section
from t2i_audit.report.html.page import Section, render_page
from t2i_audit.results.run import Run
from tests.report.html.made_run import made_run, world_prompts

SCARCE = 110_000  # bytes, too few for all images


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return made_run(
        tmp_path_factory.mktemp("size") / "run", world_prompts(18), sides=(200, 40, 120), files=6
    )


def length(section: Section) -> int:
    """Bytes that the section adds to a page."""
    alone = render_page("A run", [])
    return len(render_page("A run", [section]).encode()) - len(alone.encode())


def kept(section: Section) -> np.ndarray:
    return np.array([picture is not None for picture in section.data["pictures"]])


@pytest.mark.parametrize("most", [120_000, 300_000, 900_000, 3_000_000])
def test_a_page_keeps_to_its_bytes(run: Run, most: int) -> None:
    section = gallery_section(run, most_bytes=most)

    assert length(section) <= most
    assert len(section.data["images"]) == run.summary.n_images
    assert section.context["n_left_out"] == int((~kept(section)).sum())


def test_pictures_that_are_left_out_take_room_as_well(tmp_path: Path) -> None:
    run = made_run(tmp_path / "run", world_prompts(3000), sides=(90,), files=3)

    section = gallery_section(run, most_bytes=2_500_000)

    assert section.context["n_left_out"] > 4000
    assert length(section) <= 2_500_000


def test_wrong_images_are_kept_first_and_then_the_prompts_in_turn(run: Run) -> None:
    section = gallery_section(run, most_bytes=SCARCE)

    prompts = run.table("prompts").reset_index(names="order")
    table = run.table("judgements").merge(prompts, on="prompt_id")
    table = table.sort_values(["order", "seed"]).reset_index(drop=True)
    wrong = table[table.correct.eq(False)].sort_values("margin", na_position="last")
    others = table[~table.correct.eq(False)].copy()
    others["turn"] = others.groupby("prompt_id").cumcount()
    expected = [*wrong.index, *others.sort_values(["turn", "order"]).index]
    n = int(kept(section).sum())
    assert 0 < n < len(table)
    assert set(np.flatnonzero(kept(section))) == set(expected[:n])


def test_the_section_says_how_many_pictures_it_lacks_and_what_to_do(run: Run) -> None:
    section = gallery_section(run, most_bytes=SCARCE)
    page = render_page("A run", [section])

    lacking = section.context["n_left_out"]
    assert f"{lacking} of 36 images are listed without their picture" in page
    more = SCARCE + section.context["megabytes"] * 1_000_000
    assert not gallery_section(run, most_bytes=more).context["n_left_out"]


def test_the_same_run_gives_the_same_page(run: Run) -> None:
    once, again = (gallery_section(run, most_bytes=SCARCE) for _ in range(2))

    assert once == again


def test_of_prompts_that_are_too_long_for_the_page_some_are_not_listed(tmp_path: Path) -> None:
    prompts = [Prompt(str(i), "\u4e00" * 10_000, "long", "t", ()) for i in range(20)]
    run = made_run(tmp_path / "run", prompts, seeds=1, sides=(300,))

    section = gallery_section(run, most_bytes=1_000_000)

    assert length(section) <= 1_000_000
    assert section.context["n_unlisted"] == 20 - len(section.data["images"]) > 0
    assert "are not listed at all" in render_page("A run", [section])


def test_a_page_that_holds_no_image_is_refused(run: Run) -> None:
    with pytest.raises(AuditError, match="give a larger --max-mb"):
        gallery_section(run, most_bytes=10_000)
