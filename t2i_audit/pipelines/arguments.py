"""What a pipeline's call takes, and the arguments that carry out what the user asks of images."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from t2i_audit.errors import ModelError
from t2i_audit.pipelines.components import (
    call_parameters,
    component_setting,
    fixed_arguments,
    pipeline_parts,
    stage_argument,
)

if TYPE_CHECKING:
    from t2i_audit.settings import ImageOptions

STEPS = "num_inference_steps"
GUIDANCE = "guidance_scale"
STEP_CALLBACK = "callback_on_step_end"
# The scale of classifier-free guidance in pipelines whose `guidance_scale`, if they have one, is an
# input of a distilled denoiser.
TRUE_GUIDANCE = "true_cfg_scale"
# The guidance input of a distilled denoiser, in pipelines without `guidance_scale`.
DISTILLED_GUIDANCE = "distilled_guidance_scale"
# Noise levels of all steps, in a pipeline's configuration.
OWN_SIGMAS = "sample_sigmas"
# One guidance scale per step, which takes precedence over a single scale.
SCHEDULE = "guidance_schedule"
BINNING = "use_resolution_binning"
# The time of the second of two steps, in pipelines that default to two.
BETWEEN = "intermediate_timesteps"
# With one of these on, a language model rewrites the prompt, and the image shows the rewritten one.
REWRITING = ("enable_prompt_rewrite", "use_pe")
# With one of these on, the text passes through the denoiser at the first step only.
CACHING = ("use_kv_cache",)
SAMPLE_SIZE = "default_sample_size"
# Stands for "no prompt": some tokenizers make no token at all of an empty text.
NO_PROMPT = " "
# A pipeline of two stages that does not take this argument draws noise for negative prompts as it
# does for images, and is given no generator for them.
EMBEDDED_NEGATIVE = "negative_prompt_embeds"


@dataclass(frozen=True, eq=False)
class PipelineCall:
    """What one pipeline's ``__call__`` takes, under the names that it has for it."""

    class_name: str
    """The pipeline's class."""
    defaults: Mapping[str, Any]
    """Default of every parameter; ``inspect.Parameter.empty`` for one without."""
    steps: str
    """Name of the number of steps, of the stage with the denoiser."""
    guidance: str
    """Name of the guidance scale, whether the call takes it or not."""
    step_callback: str | None
    """Name of the function that is called after each step; None where there is no such argument."""
    fixed: Mapping[str, Any]
    """Arguments that the checkpoint needs in every call."""
    own_steps: int | None
    """The number of steps that the checkpoint itself settles, whatever its call is given."""
    sides: tuple[int | None, int | None]
    """Default height and width in pixels; None where they are not known before an image is made."""
    negative_prompts: bool
    """Whether a negative prompt can be given and has an effect."""

    def takes(self, name: str) -> bool:
        """Whether the call has a parameter `name`."""
        return name in self.defaults

    def default(self, name: str) -> Any:
        """The default of the parameter `name`; None where there is no parameter or no default."""
        value = self.defaults.get(name)
        return None if value is inspect.Parameter.empty else value


def pipeline_call(pipeline: Any) -> PipelineCall:
    """Find out what the call of `pipeline` takes."""
    defaults = {name: each.default for name, each in call_parameters(pipeline).items()}
    callback = stage_argument(pipeline, STEP_CALLBACK)
    sigmas = getattr(getattr(pipeline, "config", None), OWN_SIGMAS, None)
    # A pipeline with a place for a guider, but without one, encodes no negative prompt.
    unguided = pipeline.components.get("guider", pipeline) is None
    drawing = bool(pipeline_parts(pipeline)) and EMBEDDED_NEGATIVE not in defaults
    return PipelineCall(
        class_name=type(pipeline).__name__,
        defaults=defaults,
        steps=stage_argument(pipeline, STEPS),
        guidance=_guidance_name(pipeline, defaults),
        step_callback=callback if callback in defaults else None,
        fixed=fixed_arguments(pipeline),
        own_steps=len(sigmas) if sigmas else None,
        sides=(
            _default_side(pipeline, defaults, "height", 0),
            _default_side(pipeline, defaults, "width", 1),
        ),
        negative_prompts="negative_prompt" in defaults and not unguided and not drawing,
    )


def check_options(call: PipelineCall, options: ImageOptions) -> None:
    """Raise `ModelError` naming the option that the pipeline has no argument for."""
    for name, value in asdict(options).items():
        taken = call.negative_prompts if name == "negative_prompt" else call.takes(name)
        if value is not None and not taken:
            option = f"--{name.replace('_', '-')}"
            raise ModelError(f"{call.class_name} takes no {option}; leave it out.")


def check_steps(call: PipelineCall, steps: int, guidance_scale: float | None) -> None:
    """Raise `ModelError` if the checkpoint or its guidance schedule is for other `steps`."""
    if call.own_steps not in (None, steps):
        raise ModelError(
            f"{call.class_name} samples in {call.own_steps} steps of its own; leave out "
            f"--steps {steps}."
        )
    length = len(call.default(SCHEDULE) or ())
    if length and guidance_scale is None and steps != length:
        raise ModelError(
            f"The guidance of {call.class_name} is a schedule of {length} steps; give "
            f"--guidance-scale with --steps {steps}."
        )


def call_arguments(
    call: PipelineCall, options: ImageOptions, guidance_scale: float | None, count: int
) -> dict[str, Any]:
    """The arguments for `count` images, apart from prompts and steps.

    Raises:
        ModelError: the pipeline has no argument for an option.
    """
    check_options(call, options)
    sides = dict(zip(("height", "width"), _sides(call, options), strict=True))
    arguments: dict[str, Any] = {
        name: side for name, side in sides.items() if side is not None and not options.own_size
    }
    if arguments and call.takes(BINNING):
        # With it on, an image of the nearest size that the pipeline knows is made and cropped.
        arguments[BINNING] = False
    negative = options.negative_prompt
    if guidance_scale is not None and call.takes(call.guidance):
        arguments[call.guidance] = guidance_scale
        if call.takes(SCHEDULE):
            arguments[SCHEDULE] = None
        if call.guidance == TRUE_GUIDANCE and guidance_scale > 1 and negative is None:
            # Without a negative prompt these pipelines do not guide, whatever the scale.
            negative = NO_PROMPT
    if negative is not None:
        arguments["negative_prompt"] = [negative] * count
    fixed = {name: value for name, value in call.fixed.items() if call.takes(name)}
    return arguments | fixed | _switched_off(call)


def spread_arguments(call: PipelineCall, steps: int) -> dict[str, Any]:
    """Arguments that spread the steps evenly where their number is not the default.

    Some pipelines set the times of their default number of steps one by one; for any other number
    the times are spread evenly from the same first one.
    """
    return {BETWEEN: None} if call.takes(BETWEEN) and steps != call.default(call.steps) else {}


def switched_off_notes(call: PipelineCall) -> list[str]:
    """A sentence for each switched-off option that would rewrite the prompts."""
    return [
        f"{call.class_name} was called with {name}={value}, so that its images are of the prompts "
        "as they are."
        for name, value in _switched_off(call).items()
        if name in REWRITING
    ]


def image_size(call: PipelineCall, options: ImageOptions) -> tuple[int, int] | None:
    """Height and width in pixels of the images; None if they are not known before one is made.

    A side that the user does not ask for has the call's default: a number in its signature, or the
    sample size of the pipeline or its denoiser times the autoencoder's factor.
    """
    height, width = _sides(call, options)
    return None if height is None or width is None else (height, width)


def sampler_options(
    call: PipelineCall, options: ImageOptions, guidance_scale: float | None
) -> dict[str, Any]:
    """Size, negative prompt and fixed arguments of the images, for the manifest.

    A side is null while it is not known before an image is made, and the negative prompt is null
    where none is given and the pipeline has none by default.
    """
    size = image_size(call, options) or (options.height, options.width)
    given = call_arguments(call, options, guidance_scale, 1).get("negative_prompt")
    own = call.default("negative_prompt")
    negative = given[0] if given else own if isinstance(own, str) else None
    sides = {"height": size[0], "width": size[1]}
    return {**sides, "negative_prompt": negative, **call.fixed, **_switched_off(call)}


def _guidance_name(pipeline: Any, defaults: Mapping[str, Any]) -> str:
    """The argument that sets how strongly the pipeline is guided.

    ``true_cfg_scale`` where the call has it and the denoiser takes no guidance as an input,
    ``distilled_guidance_scale`` where the call has that and the denoiser does.
    """
    embedded = component_setting(pipeline, "transformer", "guidance_embeds")
    special = DISTILLED_GUIDANCE if embedded else TRUE_GUIDANCE
    return special if special in defaults else stage_argument(pipeline, GUIDANCE)


def _default_side(pipeline: Any, defaults: Mapping[str, Any], name: str, index: int) -> int | None:
    if isinstance(defaults.get(name), int):
        return int(defaults[name])
    saved = getattr(pipeline, "config", {}).get(SAMPLE_SIZE)
    if isinstance(saved, int):  # set by the checkpoint, in pixels
        return saved
    size = getattr(pipeline, SAMPLE_SIZE, None)
    for component in ("unet", "transformer"):
        if size is None:
            size = component_setting(pipeline, component, "sample_size")
    if isinstance(size, list | tuple):
        size = size[index]
    if not isinstance(size, int):
        return None
    # A pipeline without an autoencoder samples pixels.
    return size * int(getattr(pipeline, "vae_scale_factor", 1))


def _sides(call: PipelineCall, options: ImageOptions) -> tuple[int | None, int | None]:
    """Height and width; some pipelines ignore one side alone, so its default goes with it."""
    height, width = call.sides
    return (
        height if options.height is None else options.height,
        width if options.width is None else options.width,
    )


def _switched_off(call: PipelineCall) -> dict[str, bool]:
    return {name: False for name in (*REWRITING, *CACHING) if call.takes(name)}
