"""What a user changes in a loaded checkpoint: its scheduler, and LoRAs added to its weights."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from t2i_audit.errors import ModelError
from t2i_audit.models.quiet import quiet_libraries

SAFE = ".safetensors"
# Of checkpoints that are distilled to few steps; they are given the settings of any that adds noise
# in the same way.
DISTILLED = {"LCMScheduler", "TCDScheduler"}
FLOW = {
    "FlowMatchEulerDiscreteScheduler",
    "FlowMatchHeunDiscreteScheduler",
    "FlowMatchLCMScheduler",
}


def set_scheduler(pipeline: Any, name: str) -> None:
    """Replace the scheduler by diffusers' class `name`, with the settings of the one that is there.

    Raises:
        ModelError: there is no such class, or it does not go with the checkpoint.
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
    """Classes that can take the place of `scheduler`, with its settings.

    Those of distilled checkpoints go with their kind too, though diffusers does not list them.
    """
    import diffusers
    from diffusers.schedulers import KarrasDiffusionSchedulers

    own = type(scheduler).__name__
    kinds = ({each.name for each in KarrasDiffusionSchedulers} | DISTILLED, FLOW)
    kind = next((each for each in kinds if own in each), {own})
    return [*scheduler.compatibles, *(getattr(diffusers, name) for name in sorted(kind))]


def add_loras(pipeline: Any, loras: Sequence[tuple[str, float]]) -> None:
    """Add each LoRA, times its weight, to the checkpoint's weights for good.

    Raises:
        ModelError: a file is missing, is not in safetensors format, or does not fit.
    """
    for path, weight in loras:
        if not Path(path).is_file() or not path.endswith(SAFE):
            raise ModelError(f"--lora {path} should name a {SAFE} file that exists.")
        try:
            with quiet_libraries():
                pipeline.load_lora_weights(path, use_safetensors=True, local_files_only=True)
                pipeline.fuse_lora(lora_scale=weight)
                pipeline.unload_lora_weights()
        # What does not fit surfaces as nearly any type.
        except Exception as error:
            reason = str(error).strip().splitlines() or [type(error).__name__]
            raise ModelError(f"--lora {path} cannot be added: {reason[0]}") from error
