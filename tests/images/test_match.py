"""Which prompt and which seed an image belongs to, by its metadata alone."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prompts.structure import Prompt
from t2i_audit.images.listing import Entry, ImagesError, entry_of
from t2i_audit.images.match import Matched, match

CUP = Prompt("1", "a red cup", "text", "text", ())
HAT = Prompt("2", "a blue hat", "text", "text", ())
AGAIN = Prompt("3", "a blue hat", "text", "text", ())


def entry(file: str, **row: Any) -> Entry:
    return entry_of(file, file, row)


def placed(matched: Matched) -> list[tuple[str, str, int]]:
    return [(each.file, each.prompt_id, each.seed) for each in matched.placed]


def reasons(matched: Matched) -> dict[str, str]:
    return {each.file: f"{each.kind}: {each.reason}" for each in matched.left_out}


def test_an_id_names_a_prompt_and_so_does_its_very_text() -> None:
    found = match(
        [entry("a", prompt_id="2"), entry("b", prompt="a red cup")], [CUP, HAT], by_id=True
    )

    assert placed(found) == [("a", "2", 0), ("b", "1", 0)]


def test_an_id_of_another_text_is_a_contradiction_and_matches_nothing() -> None:
    found = match([entry("a", id="1", prompt="a blue hat")], [CUP, HAT], by_id=True)

    assert "its text is not that prompt's" in reasons(found)["a"]


def test_an_id_that_the_suite_lacks_leaves_the_decision_to_the_text() -> None:
    found = match([entry("a", id="image-17", prompt="a blue hat")], [CUP, HAT], by_id=True)

    assert placed(found) == [("a", "2", 0)]


@pytest.mark.parametrize("text", ["A red cup", "a red cup.", "a red cups", "red cup"])
def test_a_similar_text_is_no_match(text: str) -> None:
    found = match([entry("a", prompt=text)], [CUP, HAT], by_id=True)

    assert reasons(found)["a"].startswith("unmatched: no prompt of the suite has its text")


def test_a_text_of_two_prompts_needs_an_id() -> None:
    entries = [entry("a", prompt="a blue hat"), entry("b", prompt="a blue hat", id=3)]
    found = match(entries, [CUP, HAT, AGAIN], by_id=True)

    assert placed(found) == [("b", "3", 0)]
    assert "no id says which" in reasons(found)["a"]


def test_white_space_that_an_import_removes_is_removed_here_too() -> None:
    found = match([entry("a", prompt=" a red\u00a0cup\u200b\n")], [CUP], by_id=True)

    assert placed(found) == [("a", "1", 0)]


def test_the_first_image_of_a_prompt_and_seed_is_kept() -> None:
    entries = [entry("a", id="1", seed=4), entry("b", id="1", seed=4), entry("c", id="1", seed=5)]
    found = match(entries, [CUP], by_id=True)

    assert placed(found) == [("a", "1", 0), ("c", "1", 1)]
    assert reasons(found) == {"b": "doubled: a has its prompt and its seed, 4"}


def test_a_file_that_is_named_for_two_prompts_belongs_to_neither() -> None:
    entries = [entry("a", id="1"), entry("a", id="2"), entry("b", id="1"), entry("b", id="1")]
    found = match(entries, [CUP, HAT], by_id=True)

    assert placed(found) == [("b", "1", 0)]
    assert [each.file for each in found.left_out] == ["a", "a", "b"]


def test_seeds_that_prompts_share_keep_their_columns() -> None:
    entries = [
        entry(f"{prompt}{seed}", id=prompt, seed=seed)
        for prompt in "12"
        for seed in (3, 5, 9)
        if (prompt, seed) != ("1", 5)
    ]
    found = match(entries, [CUP, HAT], by_id=True)

    assert [(each.prompt_id, each.seed) for each in found.placed] == [
        ("1", 0), ("1", 2), ("2", 0), ("2", 1), ("2", 2),
    ]  # fmt: skip


def test_seeds_of_each_prompts_own_are_numbered_within_it() -> None:
    entries = [entry(f"{p}{k}", id=p, seed=int(p) * 100 + k) for p in "12" for k in (2, 0, 1)]
    found = match(entries, [CUP, HAT, AGAIN], by_id=True)

    assert [each.seed for each in found.placed] == [2, 0, 1, 2, 0, 1]


def test_images_without_a_seed_are_counted_in_their_order() -> None:
    entries = [entry("b", id="1"), entry("a", id="1"), entry("c", id="2")]

    assert placed(match(entries, [CUP, HAT], by_id=True)) == [
        ("b", "1", 0), ("a", "1", 1), ("c", "2", 0),
    ]  # fmt: skip


def test_seeds_for_some_images_alone_are_refused() -> None:
    with pytest.raises(ImagesError, match="b has no seed, and other images have one"):
        match([entry("a", id="1", seed=0), entry("b", id="1", seed="")], [CUP], by_id=True)


@pytest.mark.parametrize("seed", ["x", -1, 1.5, True, "1e3", 2**64])
def test_a_seed_that_is_no_whole_number_is_refused(seed: Any) -> None:
    with pytest.raises(ImagesError, match="whole number"):
        entry("a", id="1", seed=seed)


@pytest.mark.parametrize("seed", [7, "7", 7.0, " 7 "])
def test_a_seed_may_be_written_as_tables_write_numbers(seed: Any) -> None:
    assert entry("a", id="1", seed=seed).seed == 7


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(["a", "b", "c", "d"]), st.sampled_from("129"), st.integers(0, 3)),
        max_size=12,
    )
)
def test_every_image_is_either_placed_once_or_left_out(rows: list[tuple[str, str, int]]) -> None:
    entries = [entry(file, id=prompt, seed=seed) for file, prompt, seed in rows]
    found = match(entries, [CUP, HAT], by_id=True)

    assert len(found.placed) + len(found.left_out) == len(entries)
    places = [(each.prompt_id, each.seed) for each in found.placed]
    files = [each.file for each in found.placed]
    assert len(set(places)) == len(places) and len(set(files)) == len(files)
