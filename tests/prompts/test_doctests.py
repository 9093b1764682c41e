"""The examples in the docstrings of the modules that a Python user imports are correct."""

from __future__ import annotations

import doctest
import inspect
from collections.abc import Iterator
from types import ModuleType

import pytest

from prompts import generate, structure, suite

MODULES = [structure, suite, generate]


def public_functions(module: ModuleType) -> Iterator[tuple[str, str]]:
    """The names and docstrings of a module's own functions, methods and properties."""
    for name, value in vars(module).items():
        if name.startswith("_") or getattr(value, "__module__", "") != module.__name__:
            continue
        if inspect.isclass(value):
            for member_name, member in vars(value).items():
                is_function = isinstance(member, property) or inspect.isfunction(member)
                if is_function and not member_name.startswith("_"):
                    yield f"{name}.{member_name}", member.__doc__ or ""
        elif callable(value):
            yield name, value.__doc__ or ""


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__)
def test_the_examples_run(module: ModuleType) -> None:
    result = doctest.testmod(module)

    assert result.attempted > 0
    assert result.failed == 0


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__)
def test_every_public_function_has_an_example(module: ModuleType) -> None:
    functions = dict(public_functions(module))

    assert functions
    assert [name for name, docstring in functions.items() if ">>>" not in docstring] == []
