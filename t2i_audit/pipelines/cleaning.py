"""Packages that a pipeline cleans its prompts with; if they are absent, it silently does not."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

from t2i_audit.pipelines.components import call_parameters, pipeline_parts

OPTION = "clean_caption"
# Each package, with the function by which diffusers asks whether it is installed.
PACKAGES = {"beautifulsoup4": "is_bs4_available", "ftfy": "is_ftfy_available"}


def cleaning_packages(pipeline: Any) -> dict[str, str]:
    """``installed`` or ``absent`` for each package that the pipeline cleans its prompts with.

    Empty where the call cleans nothing by default. Diffusers cleans only if all are installed.
    """
    for each in (pipeline, *pipeline_parts(pipeline).values()):
        option = call_parameters(each).get(OPTION)
        if option is None or option.default is not True:
            continue
        module = sys.modules[type(each).__module__]
        available = {name: getattr(module, function, None) for name, function in PACKAGES.items()}
        return {
            name: "installed" if is_available() else "absent"
            for name, is_available in available.items()
            if is_available is not None
        }
    return {}


def uncleaned_notes(class_name: str, packages: Mapping[str, str]) -> list[str]:
    """A sentence if prompts cannot be cleaned for lack of a package.

    Args:
        class_name: the pipeline's class.
        packages: from `cleaning_packages`.
    """
    absent = [name for name, state in packages.items() if state == "absent"]
    if not absent:
        return []
    verb = "is" if len(absent) == 1 else "are"
    return [
        f"{class_name} cleans its prompts only where {' and '.join(packages)} are "
        f"installed; {' and '.join(absent)} {verb} not, so they were only put into small letters."
    ]
