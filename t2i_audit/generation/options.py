"""What the user asks of images, as each pipeline's call takes it."""

from __future__ import annotations

import inspect
from dataclasses import asdict
from typing import Any

from t2i_audit.errors import ModelError
from t2i_audit.pipelines.components import fixed_arguments, pipeline_parts, stage_argument
from t2i_audit.settings import ImageOptions

STEPS = "num_inference_steps"
GUIDANCE = "guidance_scale"
# Of pipelines whose `guidance_scale` is an input of a distilled denoiser, if it is anything.
TRUE_GUIDANCE = "true_cfg_scale"
# Of pipelines that take no `guidance_scale` but have a denoiser whose guidance is an input.
DISTILLED_GUIDANCE = "distilled_guidance_scale"
# Noise levels of all steps, in a pipeline's configuration.
OWN_SIGMAS = "sample_sigmas"
# One scale a step, which stands in the way of one for all.
SCHEDULE = "guidance_schedule"
BINNING = "use_resolution_binning"
# When the second of two steps is, in pipelines that make two.
BETWEEN = "intermediate_timesteps"
# With one of these on the image would not be made of the prompt, but of what a language model
# makes of it.
REWRITING = ("enable_prompt_rewrite", "use_pe")
# With this on the text would not pass through the denoiser after the first step.
CACHING = ("use_kv_cache",)
SAMPLE_SIZE = "default_sample_size"
# What stands for "no prompt": of an empty text some tokenizers make no token at all.
NO_PROMPT = " "
# A pipeline of two stages that does not take negative prompts embedded draws noise for them as for
# images, and has none for them.
EMBEDDED_NEGATIVE = "negative_prompt_embeds"


def check_options(pipeline: Any, options: ImageOptions) -> None:
    """Raise `ModelError` naming the option that `pipeline` has no place for."""
    taken = _parameters(pipeline)
    drawing = bool(pipeline_parts(pipeline)) and EMBEDDED_NEGATIVE not in taken
    # A pipeline with a place for a guider, but without one, encodes no negative prompt.
    unguided = pipeline.components.get("guider", pipeline) is None
    for name, value in asdict(options).items():
        missing = name not in taken or (name == "negative_prompt" and (unguided or drawing))
        if value is not None and missing:
            raise ModelError(
                f"{type(pipeline).__name__} takes no --{name.replace('_', '-')}; leave it out."
            )


def own_steps(pipeline: Any) -> int | None:
    """The number of steps that the checkpoint itself settles, whatever its call is given."""
    sigmas = getattr(pipeline.config, OWN_SIGMAS, None)
    return len(sigmas) if sigmas else None


def check_steps(pipeline: Any, steps: int, guidance_scale: float | None) -> None:
    """Raise `ModelError` if the checkpoint or a schedule of guidance is of other `steps`."""
    own = own_steps(pipeline)
    if own not in (None, steps):
        raise ModelError(
            f"{type(pipeline).__name__} samples in {own} steps of its own; leave out "
            f"--steps {steps}."
        )
    parameter = _parameters(pipeline).get(SCHEDULE)
    length = len(parameter.default or ()) if parameter is not None else 0
    if length and guidance_scale is None and steps != length:
        raise ModelError(
            f"The guidance of {type(pipeline).__name__} is a schedule of {length} steps; give "
            f"--guidance-scale with --steps {steps}."
        )


def call_arguments(
    pipeline: Any, options: ImageOptions, guidance_scale: float | None, count: int
) -> dict[str, Any]:
    """What the call of `pipeline` is given for `count` images beside prompts and steps.

    Raises:
        ModelError: the pipeline has no place for an option.
    """
    check_options(pipeline, options)
    taken = _parameters(pipeline)
    sides = dict(zip(("height", "width"), _sides(pipeline, options), strict=True))
    arguments: dict[str, Any] = {
        name: side for name, side in sides.items() if side is not None and not options.own_size
    }
    if arguments and BINNING in taken:
        # Else images of the nearest size that the pipeline knows are made and cut.
        arguments[BINNING] = False
    negative = options.negative_prompt
    name = guidance_name(pipeline)
    if guidance_scale is not None and name in taken:
        arguments[name] = guidance_scale
        if SCHEDULE in taken:
            arguments[SCHEDULE] = None
        if name == TRUE_GUIDANCE and guidance_scale > 1 and negative is None:
            # Without one these pipelines leave guidance out, whatever its scale.
            negative = NO_PROMPT
    if negative is not None:
        arguments["negative_prompt"] = [negative] * count
    fixed = {name: value for name, value in fixed_arguments(pipeline).items() if name in taken}
    return arguments | fixed | _switched_off(pipeline)


def spread_arguments(pipeline: Any, steps: int) -> dict[str, Any]:
    """What the call of `pipeline` is given where it has its steps at times of its own.

    Those are of its own number of steps; any other is spread evenly, from the same first one.
    """
    taken = _parameters(pipeline)
    name = stage_argument(pipeline, STEPS)
    return {BETWEEN: None} if BETWEEN in taken and steps != taken[name].default else {}


def switched_off_notes(pipeline: Any) -> list[str]:
    """What a reader must know of what the call of `pipeline` was not let do by itself."""
    return [
        f"{type(pipeline).__name__} was called with {name}={value}, so that its images are of "
        "the prompts as they are."
        for name, value in _switched_off(pipeline).items()
        if name in REWRITING
    ]


def image_size(pipeline: Any, options: ImageOptions) -> tuple[int, int] | None:
    """Height and width in pixels of what the call of `pipeline` makes; None if they can't be told.

    What is not asked for is what the call defaults to: a number in its signature, or the sample
    size of the pipeline or its denoiser times the autoencoder's factor.
    """
    height, width = _sides(pipeline, options)
    return None if height is None or width is None else (height, width)


def _sides(pipeline: Any, options: ImageOptions) -> list[int | None]:
    """Height and width; of one alone some pipelines take no notice, so its default goes with it."""
    sides = [options.height, options.width]
    for index, name in enumerate(("height", "width")):
        if sides[index] is None:
            sides[index] = _default_side(pipeline, name, index)
    return sides


def _default_side(pipeline: Any, name: str, index: int) -> int | None:
    parameter = _parameters(pipeline).get(name)
    if parameter is not None and isinstance(parameter.default, int):
        return parameter.default
    saved = getattr(pipeline, "config", {}).get(SAMPLE_SIZE)
    if isinstance(saved, int):  # set by the checkpoint, in pixels
        return saved
    size = getattr(pipeline, SAMPLE_SIZE, None)
    for component in ("unet", "transformer"):
        if size is None:
            config = getattr(pipeline.components.get(component), "config", None)
            size = getattr(config, "sample_size", None)
    if isinstance(size, list | tuple):
        size = size[index]
    if not isinstance(size, int):
        return None
    # A pipeline without an autoencoder samples pixels.
    return size * int(getattr(pipeline, "vae_scale_factor", 1))


def sampler_options(
    pipeline: Any, options: ImageOptions, guidance_scale: float | None
) -> dict[str, Any]:
    """Size and negative prompt that images are made with, and what is switched off.

    For the manifest.

    Null are sides that are known only when an image is there, and the negative prompt of a
    pipeline that is given none and takes none by default.
    """
    size = image_size(pipeline, options) or (options.height, options.width)
    given = call_arguments(pipeline, options, guidance_scale, 1).get("negative_prompt")
    parameter = _parameters(pipeline).get("negative_prompt")
    own = parameter.default if parameter is not None else None
    negative = given[0] if given else own if isinstance(own, str) else None
    sides = {"height": size[0], "width": size[1]}
    fixed = {**fixed_arguments(pipeline), **_switched_off(pipeline)}
    return {**sides, "negative_prompt": negative, **fixed}


def guidance_name(pipeline: Any) -> str:
    """The argument that sets how strongly `pipeline` is guided.

    ``true_cfg_scale`` where the pipeline has it and its denoiser takes no guidance as an input,
    ``distilled_guidance_scale`` where it has that and its denoiser does.
    """
    denoiser = pipeline.components.get("transformer")
    embedded = getattr(getattr(denoiser, "config", None), "guidance_embeds", False)
    special = DISTILLED_GUIDANCE if embedded else TRUE_GUIDANCE
    if special in _parameters(pipeline):
        return special
    return stage_argument(pipeline, GUIDANCE)


def guiders(pipeline: Any) -> list[Any]:
    """The components that guide its sampling, each with a ``guidance_scale`` of its own."""
    every = pipeline.components.values()
    return [each for each in every if hasattr(each, "prepare_inputs") and hasattr(each, GUIDANCE)]


def _switched_off(pipeline: Any) -> dict[str, bool]:
    return {name: False for name in (*REWRITING, *CACHING) if name in _parameters(pipeline)}


def _parameters(pipeline: Any) -> Any:
    return inspect.signature(type(pipeline).__call__).parameters
