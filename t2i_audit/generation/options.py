"""What the user asks of pictures, as each pipeline's call takes it."""

from __future__ import annotations

import inspect
from dataclasses import asdict
from typing import Any

from t2i_audit.errors import ModelError
from t2i_audit.settings import PictureOptions

GUIDANCE = "guidance_scale"
# Of pipelines whose `guidance_scale` is an input of a distilled denoiser, if it is anything.
TRUE_GUIDANCE = "true_cfg_scale"
BINNING = "use_resolution_binning"
# What stands for "no prompt": of an empty text some tokenizers make no token at all.
NO_PROMPT = " "
# A pipeline of two stages draws noise for negative prompts as for pictures, and has none for them.
PRIOR = "prior_pipe"


def check_options(pipeline: Any, options: PictureOptions) -> None:
    """Raise `ModelError` naming the option that `pipeline` has no place for."""
    taken = _parameters(pipeline)
    for name, value in asdict(options).items():
        missing = name not in taken or (name == "negative_prompt" and hasattr(pipeline, PRIOR))
        if value is not None and missing:
            raise ModelError(
                f"{type(pipeline).__name__} takes no --{name.replace('_', '-')}; leave it out."
            )


def call_arguments(
    pipeline: Any, options: PictureOptions, guidance_scale: float | None, count: int
) -> dict[str, Any]:
    """What the call of `pipeline` is given for `count` pictures beside prompts and steps.

    Raises:
        ModelError: the pipeline has no place for an option.
    """
    check_options(pipeline, options)
    taken = _parameters(pipeline)
    sides = {"height": options.height, "width": options.width}
    arguments: dict[str, Any] = {name: side for name, side in sides.items() if side is not None}
    if arguments and BINNING in taken:
        # Else pictures of the nearest size that the pipeline knows are made and cut.
        arguments[BINNING] = False
    negative = options.negative_prompt
    name = guidance_name(pipeline)
    if guidance_scale is not None and name in taken:
        arguments[name] = guidance_scale
        if name == TRUE_GUIDANCE and guidance_scale > 1 and negative is None:
            # Without one these pipelines leave guidance out, whatever its scale.
            negative = NO_PROMPT
    if negative is not None:
        arguments["negative_prompt"] = [negative] * count
    return arguments


def guidance_name(pipeline: Any) -> str:
    """The argument that sets how strongly `pipeline` is guided.

    ``true_cfg_scale`` where the pipeline has it and its denoiser takes no guidance as an input.
    """
    denoiser = pipeline.components.get("transformer")
    embedded = getattr(getattr(denoiser, "config", None), "guidance_embeds", False)
    return TRUE_GUIDANCE if TRUE_GUIDANCE in _parameters(pipeline) and not embedded else GUIDANCE


def _parameters(pipeline: Any) -> Any:
    return inspect.signature(type(pipeline).__call__).parameters
