"""What every test starts with."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import settings

from t2i_audit.spinning import bound_spinning
from tests.browser import launched

# Before a test imports torch, so that tests do not crawl beside other work.
bound_spinning()

# How long an example takes is no test's business, and the first one may import a library.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """One browser for all pages: a process cannot drive two."""
    with launched() as browser:
        yield browser
