"""Doctests of docstrings are code in the manual, and not prose."""

from __future__ import annotations

from scripts.docstring_examples import fenced

DOCSTRING = """Summary.

>>> run.table("probes")[["slot"]].shape
(8, 3)
>>> probe = [
...     0,
... ]

Args:
    run: a run.
"""


def test_a_doctest_is_fenced_to_its_end_and_nothing_else_is_changed() -> None:
    text = fenced(DOCSTRING)

    assert text.count("```") == 2
    before, code, after = text.replace("```pycon\n", "```").split("```")
    assert code.startswith(">>> run.table") and code.endswith("... ]\n")
    assert before + code + after[1:] == DOCSTRING


def test_a_docstring_without_a_doctest_stays_as_it_is() -> None:
    assert fenced("Summary.\n\nA > b.\n") == "Summary.\n\nA > b.\n"
