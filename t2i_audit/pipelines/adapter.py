"""Everything that the rest of the package asks a pipeline, asked once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from t2i_audit.pipelines.arguments import PipelineCall, pipeline_call
from t2i_audit.pipelines.cleaning import cleaning_packages
from t2i_audit.pipelines.components import (
    component_setting,
    denoiser_name,
    guiders,
    is_schnell,
    latents_shape,
    pipeline_parts,
)
from t2i_audit.pipelines.prompt_encoding import EncodeCall, encode_calls, prompt_encoding
from t2i_audit.pipelines.safety import checker_name, watermarker_name
from t2i_audit.pipelines.text_encoders import TextEncoder, text_encoders
from t2i_audit.pipelines.workarounds import guided_by, one_text_per_image, one_time_per_row

if TYPE_CHECKING:
    import torch
    from torch import nn


@dataclass(frozen=True, eq=False)
class PipelineAdapter:
    """What is known of one pipeline. `LoadedModel` makes it and carries it.

    A pipeline with other components, as one with random weights, has an adapter of its own.
    """

    pipeline: Any = field(repr=False)
    class_name: str
    """E.g. ``StableDiffusionPipeline``."""
    denoiser: str | None
    """The denoiser's component, e.g. ``unet``; None where no component has a known name."""
    parts: Mapping[str, Any] = field(repr=False)
    """The pipelines that a combined pipeline is made of, by attribute; else empty."""
    call: PipelineCall
    """What the pipeline's call takes, and how it names steps, guidance and callback."""
    guiders: tuple[Any, ...] = field(repr=False)
    """Components that guide sampling, each by a ``guidance_scale`` of its own."""
    latents_shape: tuple[int, int, int] | None
    """Channels, height and width of an image's latents; None where the pipeline draws them."""
    scheduler: str
    """Class of the scheduler; in a pipeline of two stages, of the second one."""
    scheduler_settings: Mapping[str, Any] = field(repr=False)
    safety_checker: str | None
    """Class of the safety checker that may black out images."""
    watermarker: str | None
    """Class of the watermarker that changes images."""
    caption_cleaning: Mapping[str, str]
    """State of each package that prompts are cleaned with; see `cleaning_packages`."""
    is_distilled: bool
    """Whether ``model_index.json`` says so."""
    is_schnell: bool
    transformer_takes_guidance: bool
    """Whether guidance is an input of a transformer, learnt in distillation."""
    unet_takes_guidance: bool
    """Whether guidance is an input of a UNet, learnt in distillation."""

    @cached_property
    def text_encoders(self) -> tuple[TextEncoder, ...]:
        """The encoders that encode prompts, with tokenizers and layers, sorted by name.

        Raises:
            ModelError: there is none, or the layers or the tokenizer of one cannot be found.
        """
        return text_encoders(self.pipeline)

    @cached_property
    def encode_calls(self) -> tuple[EncodeCall, ...]:
        """How ``encode_prompt`` is called.

        Raises:
            ModelError: there is none, or it has an unknown argument.
        """
        return encode_calls(self.pipeline)

    @property
    def denoiser_network(self) -> nn.Module | None:
        """The denoiser itself."""
        return None if self.denoiser is None else self.pipeline.components[self.denoiser]

    def encoding(
        self,
    ) -> AbstractContextManager[Callable[[Sequence[str]], list[torch.Tensor]]]:
        """Yields a function that encodes texts as the pipeline's call does; see `encode_calls`."""
        return prompt_encoding(self.encode_calls)

    @contextmanager
    def sampling(self, *, guidance_scale: float | None, count: int) -> Iterator[None]:
        """Within the block the pipeline can be called for `count` images at once.

        Its guiders use `guidance_scale`, where it has any.
        """
        with (
            guided_by(self.guiders, guidance_scale),
            one_text_per_image(self.pipeline, count),
            one_time_per_row(self.denoiser_network),
        ):
            yield


def adapt(pipeline: Any) -> PipelineAdapter:
    """Ask `pipeline`, a `diffusers.DiffusionPipeline` or `TextPipeline`, for all that is used.

    Its text encoders and its way to encode prompts are looked at when they are first needed: a
    pipeline can make images even if they cannot be read.
    """
    scheduler = getattr(pipeline, "scheduler", None)
    time_projection = component_setting(pipeline, "unet", "time_cond_proj_dim")
    return PipelineAdapter(
        pipeline=pipeline,
        class_name=type(pipeline).__name__,
        denoiser=denoiser_name(pipeline),
        parts=pipeline_parts(pipeline),
        call=pipeline_call(pipeline),
        guiders=guiders(pipeline),
        latents_shape=latents_shape(pipeline),
        scheduler=type(scheduler).__name__,
        scheduler_settings=getattr(scheduler, "config", {}),
        safety_checker=checker_name(pipeline),
        watermarker=watermarker_name(pipeline),
        caption_cleaning=cleaning_packages(pipeline),
        is_distilled=bool(getattr(pipeline, "config", {}).get("is_distilled")),
        is_schnell=is_schnell(pipeline),
        transformer_takes_guidance=bool(
            component_setting(pipeline, "transformer", "guidance_embeds")
        ),
        unet_takes_guidance=time_projection is not None,
    )
