"""One browser for all pages."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import t2i_audit as t2i
from tests.browser import launched


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    with launched() as browser:
        yield browser


@pytest.fixture(scope="session")
def patchy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small audit in which the relation can be read; not to be changed."""
    out = tmp_path_factory.mktemp("runs") / "patchy"
    t2i.audit("builtin:patchy", sample=48, seeds=2, steps=4, device="cpu", out=out)
    return out
