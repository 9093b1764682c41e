from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import pytest

from t2i_audit.models.loaded import LoadedModel
from tests.families.checkpoints import FAMILIES
from tests.families.loading import loaded_from, save_family


def present(name: str) -> bool:
    """Whether the installed diffusers has the class, for real and not as a placeholder."""
    import diffusers

    kind = getattr(diffusers, FAMILIES[name].pipeline, None)
    return kind is not None and hasattr(kind, "load_config")


@pytest.fixture(scope="session")
def family_folder(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Name of a family -> the folder of its checkpoint; built once, not to be changed."""
    root = tmp_path_factory.mktemp("families")

    @cache
    def folder(name: str) -> Path:
        if not present(name):
            pytest.skip(f"this diffusers has no {FAMILIES[name].pipeline}")
        return save_family(name, root)

    return folder


@pytest.fixture(scope="session")
def family_model(family_folder: Any) -> Any:
    """Name of a family -> its checkpoint, loaded from its folder."""

    @cache
    def model(name: str) -> LoadedModel:
        return loaded_from(family_folder(name), name)

    return model
