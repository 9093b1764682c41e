"""What an audit would read of a checkpoint, found in one dry call before anything is spent."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from prompts.suite import load_suite
from t2i_audit.errors import ModelError
from t2i_audit.reporter import SILENT, Reporter
from t2i_audit.results.examination import ComponentInfo, EncoderInfo, Examination
from t2i_audit.settings import DoctorSettings, ImageOptions

if TYPE_CHECKING:
    from t2i_audit.models.loaded import LoadedModel

SUITE = "world-smoke"  # short prompts whose words any tokenizer has
TRIED = 16


def examine(settings: DoctorSettings, reporter: Reporter = SILENT) -> Examination:
    """Load a checkpoint, make one or two images with it, and say what an audit can read.

    Args:
        settings: the checkpoint and how it runs. The images are made in as few steps as work.
        reporter: receives what the user should know of the loading.

    Raises:
        ModelError: it cannot be loaded. What goes wrong later stands in the result's `problem`.
    """
    from t2i_audit.generation.defaults import sampling_defaults
    from t2i_audit.models import load_model

    loaded = load_model(
        settings.model,
        dtype=settings.dtype,
        device=settings.device,
        placement=settings.placement,
        options=settings.model_options,
        reporter=reporter,
    )
    loras = [path for path, _ in settings.model_options.loras()]
    chosen = sampling_defaults(loaded, loras).given(settings.steps, None)
    found = Examination(
        model=settings.model,
        pipeline=loaded.adapter.class_name,
        dtype=loaded.dtype_name,
        device=loaded.device.type,
        components=_components(loaded),
        encoders=(),
        steps=chosen.steps,
        guidance_scale=chosen.guidance_scale,
        size=None,
        denoiser=None,
        notes=loaded.notes,
        problem=None,
    )
    try:
        found = replace(found, encoders=_encoders(loaded))
        return _with_denoiser(loaded, found, settings.image_options)
    except ModelError as error:
        return replace(found, problem=str(error))


def _with_denoiser(loaded: LoadedModel, found: Examination, options: ImageOptions) -> Examination:
    from t2i_audit.generation.dry_run import naming_encoding_faults, require_recordable
    from t2i_audit.generation.sampling import Sampling
    from t2i_audit.pipelines.arguments import check_options
    from t2i_audit.stages.sampling import preflight
    from t2i_audit.stages.text import check_text

    check_options(loaded.adapter.call, options)
    prompts = load_suite(SUITE).limited(TRIED).prompts
    with naming_encoding_faults(loaded):
        located = check_text(loaded, prompts)
    first = () if located is None else (located,)
    assert found.steps is not None
    sampling = Sampling(
        steps=found.steps,
        guidance_scale=found.guidance_scale,
        seeds=1,
        batch_size=len(prompts),
        record_denoiser=True,
        options=options,
        shrinks=True,
    )
    made = preflight(loaded, (*first, *(each for each in prompts if each != located)), sampling)
    if made.layout is None:
        return replace(found, size=made.size)
    found = replace(
        found,
        size=made.size,
        denoiser=made.layout.to_json(),
        notes=(*found.notes, *made.layout.not_located),
    )
    try:
        require_recordable(loaded, made.layout)
    except ModelError as error:
        return replace(found, problem=str(error))
    return found


def _components(loaded: LoadedModel) -> tuple[ComponentInfo, ...]:
    from torch import nn

    return tuple(
        ComponentInfo(name, type(each).__name__, *_weights(each, loaded.quantization.get(name)))
        for name, each in sorted(loaded.pipeline.components.items())
        if isinstance(each, nn.Module)
    )


def _weights(network: Any, quantization: str | None) -> tuple[int, str, str]:
    """Number of parameters of a network, how they are kept, and the devices they are on."""
    from t2i_audit.models.quantize import size_of

    every = list(network.parameters())
    dtypes = sorted({str(each.dtype).removeprefix("torch.") for each in every})
    devices = sorted({each.device.type for each in every})
    kept = ", ".join(dtypes) if quantization is None else quantization
    return sum(map(size_of, every)), kept, ", ".join(devices)


def _encoders(loaded: LoadedModel) -> tuple[EncoderInfo, ...]:
    found = []
    for encoder in loaded.adapter.text_encoders:
        config = encoder.model.config.get_text_config()  # type: ignore[operator, union-attr]
        length = getattr(encoder.tokenizer, "model_max_length", None)
        # Tokenizers that state no length have a number beyond any text instead.
        window = length if isinstance(length, int) and length < 10**9 else None
        found.append(
            EncoderInfo(
                name=encoder.name,
                kind=type(encoder.model).__name__,
                layers=len(encoder.blocks),
                width=getattr(config, "hidden_size", None) or getattr(config, "d_model", None),
                tokenizer=type(encoder.tokenizer).__name__,
                window=window,
            )
        )
    return tuple(found)
