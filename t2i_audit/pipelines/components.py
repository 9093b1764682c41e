"""A pipeline's components: its denoiser, its guiders, and the pipelines that it is made of."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

# Components that are denoisers, in order of preference. In a pipeline of two stages, the first
# stage reads the text and lays the image out, and the second one adds detail; so where neither of
# the first two names exists, the denoiser is the prior of the first stage.
DENOISERS = ("unet", "transformer", "prior_prior")
# Prefix that a combined pipeline gives to the components and arguments of its first stage.
FIRST_STAGE = "prior_"
ENCODER, TOKENIZER = "text_encoder", "tokenizer"  # in the names of components
# Tokenizers without a limit state a number of tokens beyond this one.
UNLIMITED = 1_000_000
SCHNELL_LENGTH = 256  # tokens of the T5 encoder, of FLUX.1 schnell's model card


def call_parameters(pipeline: Any) -> Mapping[str, inspect.Parameter]:
    """The parameters that the pipeline's ``__call__`` takes, by name."""
    return inspect.signature(type(pipeline).__call__).parameters


def pipeline_parts(pipeline: Any) -> dict[str, Any]:
    """The pipelines that a combined pipeline is made of, by attribute, in the order they run."""
    return {name: each for name, each in vars(pipeline).items() if hasattr(each, "components")}


def denoiser_name(pipeline: Any) -> str | None:
    """Name of the component that is the denoiser; None where no component has a known name."""
    components = pipeline.components
    return next((name for name in DENOISERS if components.get(name) is not None), None)


def stage_argument(pipeline: Any, name: str) -> str:
    """The name under which the call takes the argument `name` of the stage with the denoiser.

    Steps and guidance of the other stage keep the pipeline's defaults.
    """
    first = (denoiser_name(pipeline) or "").startswith(FIRST_STAGE)
    return f"{FIRST_STAGE}{name}" if first else name


def guiders(pipeline: Any) -> tuple[Any, ...]:
    """The components that guide sampling; each has a ``guidance_scale`` of its own."""
    return tuple(
        each
        for each in pipeline.components.values()
        if hasattr(each, "prepare_inputs") and hasattr(each, "guidance_scale")
    )


def encoder_tokenizers(pipeline: Any) -> list[tuple[str, Any, Any]]:
    """Name, network and tokenizer of each text encoder that has a tokenizer of its own, by name."""
    components = pipeline.components
    pairs = (
        (name, model, components.get(tokenizer_name(name)))
        for name, model in sorted(components.items())
        if ENCODER in name
    )
    return [each for each in pairs if each[1] is not None and each[2] is not None]


def tokenizer_name(encoder: str) -> str:
    """The component that is the tokenizer of the text encoder `encoder`, as diffusers names it."""
    return encoder.replace(ENCODER, TOKENIZER)


def component_setting(pipeline: Any, component: str, name: str) -> Any:
    """The setting `name` in the configuration of a component; None where either is missing."""
    return getattr(getattr(pipeline.components.get(component), "config", None), name, None)


def is_schnell(pipeline: Any) -> bool:
    """Whether the pipeline is FLUX.1 with a denoiser that takes no guidance, as schnell's."""
    name = type(pipeline).__name__
    embedded = component_setting(pipeline, "transformer", "guidance_embeds")
    return name.startswith("Flux") and not name.startswith("Flux2") and embedded is False


def fixed_arguments(pipeline: Any) -> dict[str, Any]:
    """Arguments that this checkpoint needs, whatever the user asks for.

    They go to the pipeline's call and to its ``encode_prompt``, where these take them.
    """
    # The class's default length is that of FLUX.1 dev; schnell was distilled with another.
    return {"max_sequence_length": SCHNELL_LENGTH} if is_schnell(pipeline) else {}


def latents_shape(pipeline: Any) -> tuple[int, int, int] | None:
    """Channels, height and width of one image's latents at the pipeline's default size.

    None where the latents have another layout, where the call takes none, or where it takes them
    for another stage: there the images' generators draw the noise inside the pipeline.
    """
    if pipeline_parts(pipeline):
        return None
    unet = pipeline.components.get("unet")
    # Some denoisers have no size of their own.
    size = None if unet is None else getattr(unet.config, "sample_size", None)
    if size is None or "latents" not in call_parameters(pipeline):
        return None
    height, width = (size, size) if isinstance(size, int) else size
    return int(unet.config.in_channels), int(height), int(width)
