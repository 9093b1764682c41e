"""A run whose pages are shown."""

from __future__ import annotations

from pathlib import Path

import pytest

import t2i_audit as t2i


@pytest.fixture(scope="session")
def patchy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small audit in which the relation can be read; not to be changed."""
    out = tmp_path_factory.mktemp("runs") / "patchy"
    t2i.audit(
        "builtin:patchy", sample=48, seeds=2, steps=4, random_weights=1, device="cpu", out=out
    )
    return out
