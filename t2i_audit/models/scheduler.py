"""Replacing the scheduler of a loaded checkpoint."""

from __future__ import annotations

import difflib
from typing import Any

from t2i_audit.errors import ModelError

# Schedulers of checkpoints that are distilled to few steps; they accept the settings of any
# scheduler that adds noise in the same way.
DISTILLED = {"LCMScheduler", "TCDScheduler"}
FLOW = {
    "FlowMatchEulerDiscreteScheduler",
    "FlowMatchHeunDiscreteScheduler",
    "FlowMatchLCMScheduler",
}


def set_scheduler(pipeline: Any, name: str) -> None:
    """Replace the scheduler by diffusers' class `name`, with the settings of the present one.

    Raises:
        ModelError: there is no such class, or it does not suit the checkpoint.
    """
    fitting = {kind.__name__: kind for kind in _compatible_schedulers(pipeline.scheduler)}
    if name not in fitting:
        near = difflib.get_close_matches(name, fitting, n=3, cutoff=0.3) or sorted(fitting)[:3]
        raise ModelError(
            f"--scheduler {name} does not go with {type(pipeline).__name__}; nearest: "
            f"{', '.join(near)}."
        )
    pipeline.scheduler = fitting[name].from_config(pipeline.scheduler.config)


def _compatible_schedulers(scheduler: Any) -> list[Any]:
    """Classes that can replace `scheduler` with its settings.

    They include those of distilled checkpoints, which diffusers does not list as compatible.
    """
    import diffusers
    from diffusers.schedulers import KarrasDiffusionSchedulers

    own = type(scheduler).__name__
    kinds = ({each.name for each in KarrasDiffusionSchedulers} | DISTILLED, FLOW)
    kind = next((each for each in kinds if own in each), {own})
    return [*scheduler.compatibles, *(getattr(diffusers, name) for name in sorted(kind))]
