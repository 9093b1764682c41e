"""The tiny checkpoint of a family on disk, and loaded as an audit loads it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from t2i_audit.generation.defaults import DEFAULTS_FILE, DEFAULTS_KEY
from t2i_audit.io import write_json
from t2i_audit.models import load_model
from t2i_audit.models.loaded import LoadedModel
from t2i_audit.pipelines.workarounds import quiet_libraries
from tests.families.checkpoints import FAMILIES, build


def save_family(name: str, root: Path) -> Path:
    """Build the checkpoint of the family `name` below `root`; returns its folder."""
    with quiet_libraries():
        build(name).save_pretrained(root / name)
    if FAMILIES[name].defaults:
        write_json(root / name / DEFAULTS_FILE, {DEFAULTS_KEY: FAMILIES[name].defaults})
    return root / name


def load_family(name: str, root: Path) -> LoadedModel:
    """The checkpoint of the family `name`, saved below `root` and loaded from there."""
    return loaded_from(save_family(name, root), name)


def loaded_from(folder: Path, name: str) -> LoadedModel:
    loaded = load_model(str(folder), device="cpu")
    for attribute, value in FAMILIES[name].attributes.items():
        setattr(loaded.pipeline, attribute, value)
    return replace(loaded)  # which looks at the attributes
