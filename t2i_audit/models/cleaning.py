"""Packages without which a pipeline reads its prompts uncleaned, and says nothing."""

from __future__ import annotations

import inspect
import sys
from typing import Any

from t2i_audit.pipelines.components import pipeline_parts

OPTION = "clean_caption"
# By the functions with which diffusers asks for each.
PACKAGES = {"beautifulsoup4": "is_bs4_available", "ftfy": "is_ftfy_available"}


def cleaning_packages(pipeline: Any) -> dict[str, str]:
    """For each package that `pipeline` cleans its prompts with, ``installed`` or ``absent``.

    Empty where its call cleans none unless it is asked to. Diffusers cleans with all or not at all.
    """
    for each in (pipeline, *pipeline_parts(pipeline).values()):
        option = inspect.signature(type(each).__call__).parameters.get(OPTION)
        if option is None or option.default is not True:
            continue
        module = sys.modules[type(each).__module__]
        asked = {name: getattr(module, ask, None) for name, ask in PACKAGES.items()}
        return {
            name: "installed" if ask() else "absent"
            for name, ask in asked.items()
            if ask is not None
        }
    return {}


def uncleaned_notes(pipeline: Any) -> list[str]:
    """A sentence where `pipeline` would clean its prompts and cannot."""
    packages = cleaning_packages(pipeline)
    absent = [name for name, state in packages.items() if state == "absent"]
    if not absent:
        return []
    verb = "is" if len(absent) == 1 else "are"
    return [
        f"{type(pipeline).__name__} cleans its prompts only where {' and '.join(packages)} are "
        f"installed; {' and '.join(absent)} {verb} not, so they were only put into small letters."
    ]
