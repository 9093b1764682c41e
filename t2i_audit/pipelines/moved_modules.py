"""Packages of diffusers' pipelines that moved after checkpoints were saved with the old place."""

from __future__ import annotations

from types import ModuleType


def is_pipeline_folder(name: str) -> bool:
    """Whether diffusers has a package `name` of pipelines, which may define components as well."""
    from diffusers import pipelines

    return hasattr(pipelines, name) or moved_folder(name) is not None


def moved_folder(name: str) -> ModuleType | None:
    """The package `name` if it is now among diffusers' deprecated pipelines; else None."""
    from diffusers.pipelines import deprecated

    folder = getattr(deprecated, name, None)
    inside = isinstance(folder, ModuleType) and folder.__name__ == f"{deprecated.__name__}.{name}"
    return folder if inside else None
