"""Every public function and class has an example in its docstring, and every example runs."""

from __future__ import annotations

import doctest
import inspect
from pathlib import Path
from typing import Any

import pytest

import t2i_audit as t2i


def public() -> list[tuple[str, Any]]:
    """Each public object, and the methods of `Run`."""
    objects = [(name, getattr(t2i, name)) for name in t2i.__all__]
    methods = [
        (f"Run.{name}", method)
        for name, method in vars(t2i.Run).items()
        if inspect.isfunction(method) and not name.startswith("_")
    ]
    return [*objects, *methods]


def examples(name: str, thing: Any) -> list[doctest.Example]:
    test = doctest.DocTestParser().get_doctest(inspect.getdoc(thing) or "", {}, name, None, 0)
    return test.examples


@pytest.mark.parametrize(("name", "thing"), [("t2i_audit", t2i), *public()])
def test_the_example_runs(
    name: str, thing: Any, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.chdir(folder)
    found = examples(name, thing)
    test = doctest.DocTest(found, {}, name, None, 0, inspect.getdoc(thing))

    result = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE).run(test)

    assert result.attempted > 0, f"{name} has no example"
    assert result.failed == 0, capsys.readouterr().out
