from __future__ import annotations

import pytest

from t2i_audit.models import load_model
from t2i_audit.models.loaded import LoadedModel
from tests.tiny import tiny_pipeline


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> LoadedModel:
    """A whole tiny Stable Diffusion pipeline of random weights, loaded from disk."""
    folder = tiny_pipeline(tmp_path_factory.mktemp("checkpoints") / "tiny")
    return load_model(str(folder), device="cpu")
