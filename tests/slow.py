"""Cases of a test of which `make test` leaves out some."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import pytest

T = TypeVar("T")


def with_slow(cases: Iterable[T], is_slow: Callable[[T], bool]) -> list[Any]:
    """`cases` for `pytest.mark.parametrize`, those that are slow marked so."""
    return [pytest.param(case, marks=pytest.mark.slow) if is_slow(case) else case for case in cases]
