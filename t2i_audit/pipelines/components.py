"""Pipelines that are made of others, and the stage of them whose denoiser is looked into."""

from __future__ import annotations

from typing import Any

# Where none of the first two is, the image is laid out by the first of two stages, which is given
# the words; the second adds detail.
DENOISERS = ("unet", "transformer", "prior_prior")
# What a combined pipeline calls the parts and arguments of its first stage begins with this.
FIRST_STAGE = "prior_"
SCHNELL_LENGTH = 256  # tokens of the T5 encoder


def pipeline_parts(pipeline: Any) -> dict[str, Any]:
    """The pipelines that a combined one is made of, by attribute, in the order they are run."""
    return {name: each for name, each in vars(pipeline).items() if hasattr(each, "components")}


def denoiser_name(pipeline: Any) -> str | None:
    """The component that is the denoiser; None where there is none by a known name."""
    components = pipeline.components
    return next((name for name in DENOISERS if components.get(name) is not None), None)


def stage_argument(pipeline: Any, name: str) -> str:
    """How the call of `pipeline` names the argument `name` of the stage that has the denoiser.

    Steps and guidance of the other stage are left to the pipeline.
    """
    first = (denoiser_name(pipeline) or "").startswith(FIRST_STAGE)
    return f"{FIRST_STAGE}{name}" if first else name


def is_schnell(pipeline: Any) -> bool:
    """Whether `pipeline` is of FLUX.1 with a denoiser that takes no guidance, as schnell's."""
    name = type(pipeline).__name__
    config = getattr(pipeline.components.get("transformer"), "config", None)
    embedded = getattr(config, "guidance_embeds", None)
    return name.startswith("Flux") and not name.startswith("Flux2") and embedded is False


def fixed_arguments(pipeline: Any) -> dict[str, Any]:
    """What the call of `pipeline` and its `encode_prompt` are given for this checkpoint's sake."""
    # The length that schnell was distilled with; the class's default is the one of dev.
    return {"max_sequence_length": SCHNELL_LENGTH} if is_schnell(pipeline) else {}
