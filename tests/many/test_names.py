"""The folders of several models: safe, distinct, and the same whatever is added after them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from t2i_audit.errors import AuditError
from t2i_audit.file_names import LONGEST
from t2i_audit.many.entries import Entry
from t2i_audit.many.names import folder_names

ENTRIES = st.lists(
    st.builds(
        Entry,
        st.text(min_size=1) | st.sampled_from(["org/a", "org-a", "ORG/A", "../x", "x", ".", "/"]),
        st.just("entry"),
        st.fixed_dictionaries({}, optional={"steps": st.integers(1, 3), "scheduler": st.text()}),
    ),
    max_size=8,
)


@given(ENTRIES)
def test_names_are_safe_and_no_two_are_the_same_on_any_file_system(entries: list[Entry]) -> None:
    names = folder_names(entries, taken=("leaderboard.csv",))

    assert all(re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9._-]*", name) for name in names)
    assert all(len(name) <= LONGEST for name in names)
    distinct = {(entry.model, repr(entry.own)) for entry in entries}
    if len(distinct) == len(entries):
        assert len({name.casefold() for name in (*names, "leaderboard.csv")}) == len(names) + 1


@given(ENTRIES, ENTRIES)
def test_entries_that_are_added_leave_the_names_before_them(
    entries: list[Entry], added: list[Entry]
) -> None:
    assert folder_names([*entries, *added])[: len(entries)] == folder_names(entries)


@pytest.mark.parametrize(
    ("entry", "name"),
    [
        (Entry("builtin:sound", ""), "sound"),
        (Entry("org/model-v1.5", ""), "org-model-v1.5"),
        (Entry("../x", ""), "x"),
        (Entry("a", "", {"steps": 4, "lora": ("dir/style.safetensors:0.5",)}),
         "a-lora-style.safetensors-0.5-steps-4"),
        (Entry("a", "", {"vae_tiling": True}), "a-vae_tiling-True"),
        (Entry("a", "", {"steps": 4}, name="mine/../../etc"), "mine-..-..-etc"),
        (Entry("a", "", name="leaderboard.csv"), "leaderboard.csv-"),
    ],
)  # fmt: skip
def test_a_folder_is_named_for_the_model_and_its_own_settings(entry: Entry, name: str) -> None:
    (found,) = folder_names([entry], taken=("leaderboard.csv",))

    assert found == name or (name.endswith("-") and found.startswith(name))


def test_a_local_checkpoint_goes_by_its_folders_name(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()

    assert folder_names([Entry(str(tmp_path / "mine"), "")]) == ("mine",)


def test_a_name_that_is_given_twice_is_refused() -> None:
    entries = [Entry("a", "entry 1 (a)", name="x"), Entry("b", "entry 2 (b)", name="x")]

    with pytest.raises(AuditError, match=r"entry 2 \(b\) and entry 1 \(a\) have the same name 'x'"):
        folder_names(entries)
