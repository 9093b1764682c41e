"""Names of files are such that Windows, macOS and Linux take them, whatever they are made from."""

from __future__ import annotations

import re
from pathlib import Path, PureWindowsPath

from hypothesis import example, given
from hypothesis import strategies as st

from t2i_audit.file_names import file_name
from t2i_audit.judges.panel import Member
from t2i_audit.judges.scope import Scope
from t2i_audit.many.entries import Entry
from t2i_audit.many.names import folder_names
from t2i_audit.settings.defaults import default_out
from tests.judges.test_panel import Movable

# As Microsoft's "Naming Files, Paths, and Namespaces" lists them, with whatever ending.
DEVICES = {"con", "prn", "aux", "nul"} | {
    f"{port}{n}" for port in ("com", "lpt") for n in range(10)
}
ENDINGS = 100  # bytes that our own endings and temporary names add at most

texts = st.one_of(
    st.text(),
    st.text(alphabet='aA:/\\. -\0<>|?*"', max_size=300),
    st.sampled_from(["con", "NUL", "com1.v2", "Lpt9", "aux.", "org/name:tag", "é" * 200, "…"]),
)


def assert_portable(name: str) -> None:
    assert re.fullmatch(r"[A-Za-z0-9._-]+", name)
    assert not name.endswith((".", " "))
    assert name.split(".")[0].casefold() not in DEVICES
    assert len(name.encode()) + ENDINGS <= 255


@given(texts)
@example("nul")
@example("a" * 300)
@example("x" * 90 + "." * 20 + "y")
def test_a_name_made_of_any_text_is_one_that_windows_takes(text: str) -> None:
    assert_portable(file_name(text))


@given(texts, texts)
def test_the_folder_of_a_run_is_one_that_windows_takes(model: str, suite: str) -> None:
    folder = default_out(model.replace("\0", ""), suite.replace("\0", ""), ending="-probe")
    assert folder.parent == Path("runs")
    assert_portable(folder.name)


@given(st.lists(texts, min_size=1, max_size=5, unique=True))
def test_folders_of_several_models_differ_by_more_than_their_case(models: list[str]) -> None:
    entries = [Entry(model or "x", model) for model in dict.fromkeys(models)]
    names = folder_names([*entries, Entry("Org/Name", ""), Entry("org/name", "")])
    assert len({name.casefold() for name in names}) == len(names)
    for name in names:
        assert_portable(name)


@given(texts)
def test_the_folder_of_a_judge_is_one_that_windows_takes(name: str) -> None:
    assert_portable(Member(Movable(name), Scope({})).key)


def test_a_name_is_kept_where_nothing_is_wrong_with_it() -> None:
    assert file_name("stable-diffusion_v1.5") == "stable-diffusion_v1.5"
    assert PureWindowsPath(f"C:/runs/{file_name('a:b')}").name == "a-b"
