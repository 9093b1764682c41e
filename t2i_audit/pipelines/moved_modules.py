"""Folders of diffusers' pipelines that it has moved, under the names that checkpoints know."""

from __future__ import annotations

from collections.abc import Iterable
from types import ModuleType


def is_pipeline_folder(name: str) -> bool:
    """Whether diffusers has a folder `name` of pipelines, with classes that they bring."""
    from diffusers import pipelines

    return hasattr(pipelines, name) or _moved(name) is not None


def restore_folders(names: Iterable[str]) -> None:
    """Have diffusers find those of `names` that are now among its deprecated pipelines.

    A checkpoint of Stable Cascade says that its decoder's class lies in ``wuerstchen``; diffusers
    looks for that folder where it no longer is.
    """
    from diffusers import pipelines

    for name in names:
        folder = _moved(name)
        if folder is not None and not hasattr(pipelines, name):
            setattr(pipelines, name, folder)


def _moved(name: str) -> ModuleType | None:
    from diffusers.pipelines import deprecated

    folder = getattr(deprecated, name, None)
    inside = isinstance(folder, ModuleType) and folder.__name__ == f"{deprecated.__name__}.{name}"
    return folder if inside else None
