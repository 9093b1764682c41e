from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from t2i_audit.generation.defaults import DEFAULTS_FILE, DEFAULTS_KEY
from t2i_audit.io import write_json
from t2i_audit.models import load_model
from t2i_audit.models.loaded import LoadedModel
from t2i_audit.pipelines.workarounds import quiet_libraries
from tests.families.checkpoints import FAMILIES, build


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
        with quiet_libraries():
            build(name).save_pretrained(root / name)
        if FAMILIES[name].defaults:
            write_json(root / name / DEFAULTS_FILE, {DEFAULTS_KEY: FAMILIES[name].defaults})
        return root / name

    return folder


@pytest.fixture(scope="session")
def family_model(family_folder: Any) -> Any:
    """Name of a family -> its checkpoint, loaded from its folder."""

    @cache
    def model(name: str) -> LoadedModel:
        loaded = load_model(str(family_folder(name)), device="cpu")
        for attribute, value in FAMILIES[name].attributes.items():
            setattr(loaded.pipeline, attribute, value)
        return replace(loaded)  # which looks at the attributes

    return model
