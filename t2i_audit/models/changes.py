"""Another scheduler in a loaded checkpoint."""

from __future__ import annotations

import difflib
from typing import Any

from t2i_audit.errors import ModelError


def set_scheduler(pipeline: Any, name: str) -> None:
    """Replace the scheduler by diffusers' class `name`, with the settings of the one that is there.

    Raises:
        ModelError: there is no such class, or it does not go with the checkpoint.
    """
    fitting = {kind.__name__: kind for kind in pipeline.scheduler.compatibles}
    if name not in fitting:
        near = difflib.get_close_matches(name, fitting, n=3, cutoff=0.3) or sorted(fitting)[:3]
        raise ModelError(
            f"--scheduler {name} does not go with {type(pipeline).__name__}; nearest: "
            f"{', '.join(near)}."
        )
    pipeline.scheduler = fitting[name].from_config(pipeline.scheduler.config)
