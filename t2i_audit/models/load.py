"""Loading a pipeline from a folder, a hub id or a single file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from t2i_audit.models.devices import DeviceName, DtypeName, choose_device, choose_dtype
from t2i_audit.models.files import (
    WHOLE,
    Checkpoint,
    hash_files,
    pipeline_files,
    weights_sha256,
)
from t2i_audit.models.folder import as_model_error, read_folder
from t2i_audit.models.loaded import LoadedModel
from t2i_audit.models.offload import place
from t2i_audit.models.quantize import quantization_notes, quantization_of
from t2i_audit.models.resolve import (
    check_pipeline,
    fetch_from_hub,
    own_code,
    read_index,
    resolve_model,
)
from t2i_audit.models.tokenizers import limit_tokenizers
from t2i_audit.models.unused import refuse_unused
from t2i_audit.pipelines.text_to_image import require_text_to_image
from t2i_audit.pipelines.workarounds import quick_imports, quiet_libraries
from t2i_audit.reporter import SILENT, Reporter
from t2i_audit.settings import ModelOptions, Placement

if TYPE_CHECKING:
    import torch

    from t2i_audit.models.embedding import AddedEmbedding
    from t2i_audit.models.lora import AddedLora


def load_model(
    name: str,
    *,
    dtype: DtypeName = "auto",
    device: DeviceName = "auto",
    builtin: Path | None = None,
    placement: Placement | None = None,
    options: ModelOptions = ModelOptions(),  # noqa: B008, it is frozen
    reporter: Reporter = SILENT,
) -> LoadedModel:
    """Load the pipeline `name`; see `resolve_model` for what a name may be.

    Only safetensors weights are read, whatever other files the folder holds.

    Args:
        name: ``builtin:NAME``, a local folder, or a hub id.
        dtype: of all networks; ``auto`` is float32 on a CPU, else bfloat16 if the device supports
            it, else float16.
        device: ``auto`` takes CUDA, then MPS, then the CPU.
        builtin: folder of the shipped checkpoints; the package's if None.
        placement: on which device its networks are, and what saves memory; if None, all are on
            the device as long as they fit.
        options: how it is fetched and changed.
        reporter: learns what the user should know of how it is loaded, and later of its memory.

    Raises:
        ModelError: it cannot be found, is incomplete or does not load, or there is no such device.
    """
    trusted = options.trust_remote_code == name
    with quick_imports():
        resolved = resolve_model(name, builtin=builtin, trusted=trusted, single=True)
        refuse_unused(resolved, options)
        # What is refused above is refused before these take seconds.
        import diffusers  # noqa: F401
        import transformers  # noqa: F401
    placement = Placement() if placement is None else placement
    chosen_device = choose_device(device)
    chosen_dtype = choose_dtype(dtype, chosen_device)
    path = resolved.path
    if path is None:
        path = fetch_from_hub(name, options)
        check_pipeline(path, name, trusted=trusted)
    pipeline, checkpoint = _read(
        path, name, chosen_dtype, chosen_device, options, placement, trusted=trusted
    )
    require_text_to_image(pipeline, name)
    pipeline.set_progress_bar_config(disable=True)
    # Before the networks are placed: with sequential offloading nothing can be added to them.
    loras, embeddings, notes = _change(pipeline, options)
    with as_model_error(name), quiet_libraries():
        pipeline = place(pipeline, chosen_device, placement, reporter)
    notes += (*quantization_notes(quantization_of(pipeline)), *limit_tokenizers(pipeline))
    return LoadedModel(
        name=name,
        source=resolved.source,
        path=path,
        pipeline=pipeline,
        dtype=chosen_dtype,
        device=chosen_device,
        checkpoint=checkpoint,
        weights_sha256=weights_sha256(checkpoint, path),
        commit=path.name if path.parent.name == "snapshots" else None,
        placement=placement,
        loras=loras,
        embeddings=embeddings,
        notes=notes,
        reporter=reporter,
    )


def _change(
    pipeline: Any, options: ModelOptions
) -> tuple[tuple[AddedLora, ...], tuple[AddedEmbedding, ...], tuple[str, ...]]:
    """Set the scheduler and add LoRAs and embeddings; returns what was added, and notes on it."""
    from t2i_audit.models.embedding import add_embeddings
    from t2i_audit.models.lora import add_loras
    from t2i_audit.models.scheduler import set_scheduler

    if options.scheduler is not None:
        set_scheduler(pipeline, options.scheduler)
    loras, lora_notes = add_loras(pipeline, options.loras())
    embeddings, embedding_notes = add_embeddings(pipeline, options.embeddings())
    return loras, embeddings, (*lora_notes, *embedding_notes)


def _read(
    path: Path,
    name: str,
    dtype: torch.dtype,
    device: torch.device,
    options: ModelOptions,
    placement: Placement,
    *,
    trusted: bool,
) -> tuple[Any, Checkpoint]:
    """The pipeline in `path` as it was saved, and the hashes of the files that were read."""
    from t2i_audit.models.single_file import load_single_file

    if path.is_file():
        with as_model_error(name), quiet_libraries():
            pipeline, beside = load_single_file(path, options, placement, dtype, device)
        assert options.config is not None  # else it is refused
        files = pipeline_files(
            options.config, pipeline.components, variant=options.variant, with_weights=beside
        )
        files[WHOLE] |= {path.name: path}
        return pipeline, hash_files(files)
    pipeline = read_folder(
        path,
        name,
        dtype=dtype,
        device=device,
        options=options,
        placement=placement,
        trusted=trusted,
    )
    own = own_code(path, *read_index(path, name, trusted=trusted))
    files = pipeline_files(path, pipeline.components, variant=options.variant, own_code=own)
    return pipeline, hash_files(files)
