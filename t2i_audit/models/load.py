"""Loading a pipeline from a folder, a hub id or a single file."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from t2i_audit.errors import ModelError
from t2i_audit.io import sha256_of
from t2i_audit.models.builtin import PIPELINE_INDEX
from t2i_audit.models.files import (
    WHOLE,
    Checkpoint,
    hash_files,
    hash_of,
    pipeline_files,
    weight_files,
    weights_of,
)
from t2i_audit.models.loaded import LoadedModel
from t2i_audit.models.offload import loading_arguments, place
from t2i_audit.models.quiet import quiet_libraries
from t2i_audit.models.resolve import (
    absent_components,
    check_pipeline,
    fetch_from_hub,
    own_code,
    read_index,
    require_text_to_image,
    resolve_model,
)
from t2i_audit.models.unused import refuse_unused
from t2i_audit.models.variants import check_variant, names_in
from t2i_audit.pipelines.moved_modules import restore_folders
from t2i_audit.reporter import SILENT, Reporter
from t2i_audit.settings import SAFE, ModelOptions, Placement

if TYPE_CHECKING:
    import torch


DtypeName = Literal["auto", "float32", "float16", "bfloat16"]
DeviceName = Literal["auto", "cpu", "cuda", "mps"]


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

    Only safetensors weights are read, whatever else lies in the folder.

    Args:
        name: ``builtin:NAME``, a local folder, or a hub id.
        dtype: of all networks; ``auto`` is float32 on a CPU, else bfloat16 where the device has
            it, else float16.
        device: ``auto`` takes CUDA, then MPS, then the CPU.
        builtin: folder of the shipped checkpoints, if not the package's own.
        placement: where its parts lie and what saves memory; all on the device, as long as they
            fit there, if None.
        options: how it is fetched and changed.
        reporter: learns what the user should know of how it is loaded, and later of its memory.

    Raises:
        ModelError: it cannot be found, is incomplete, does not load, or the device is not there.
    """
    trusted = options.trust_remote_code == name
    resolved = resolve_model(name, builtin=builtin, trusted=trusted, single=True)
    refuse_unused(resolved, options)
    placement = Placement() if placement is None else placement
    chosen_device = choose_device(device)
    chosen_dtype = choose_dtype(dtype, chosen_device)
    path = resolved.path
    if path is None:
        path = fetch_from_hub(name, options)
        check_pipeline(path, name, trusted=trusted)

    from t2i_audit.models.embedding import add_embeddings
    from t2i_audit.models.lora import add_loras
    from t2i_audit.models.scheduler import set_scheduler
    from t2i_audit.models.tokenizers import limit_tokenizers

    pipeline, checkpoint = _read(path, name, chosen_dtype, options, placement, trusted=trusted)
    require_text_to_image(pipeline, name)
    pipeline.set_progress_bar_config(disable=True)
    if options.scheduler is not None:
        set_scheduler(pipeline, options.scheduler)
    # Before the networks are placed: layer by layer, weights may be where nothing can be added.
    loras, lora_notes = add_loras(pipeline, options.loras())
    embeddings, embedding_notes = add_embeddings(pipeline, options.embeddings())
    with _as_model_error(name), quiet_libraries():
        pipeline = place(pipeline, chosen_device, placement, reporter)
    limit_tokenizers(pipeline, reporter)
    return LoadedModel(
        name=name,
        source=resolved.source,
        path=path,
        pipeline=pipeline,
        dtype=chosen_dtype,
        device=chosen_device,
        checkpoint=checkpoint,
        weights_sha256=_weights_sha256(checkpoint, path),
        commit=path.name if path.parent.name == "snapshots" else None,
        placement=placement,
        loras=loras,
        embeddings=embeddings,
        notes=(*lora_notes, *embedding_notes),
        reporter=reporter,
    )


def _read(
    path: Path,
    name: str,
    dtype: torch.dtype,
    options: ModelOptions,
    placement: Placement,
    *,
    trusted: bool,
) -> tuple[Any, Checkpoint]:
    """The pipeline in `path` as it was saved, and the hashes of what was read of it."""
    from diffusers import DiffusionPipeline

    from t2i_audit.models.single_file import load_single_file

    if path.is_file():
        with _as_model_error(name), quiet_libraries():
            pipeline, beside = load_single_file(path, options, dtype)
        assert options.config is not None  # else it is refused
        files = pipeline_files(
            options.config, pipeline.components, variant=options.variant, with_weights=beside
        )
        files[WHOLE] |= {path.name: path}
        return pipeline, hash_files(files)
    index, components = read_index(path, name, trusted=trusted)
    check_variant(names_in(path, components), name, options.variant)
    with _as_model_error(name), quiet_libraries():
        restore_folders(str(index[key][0]) for key in components)
        pipeline = DiffusionPipeline.from_pretrained(
            path,
            dtype=dtype,
            use_safetensors=True,
            local_files_only=True,
            variant=options.variant,
            trust_remote_code=trusted,
            **dict.fromkeys(absent_components(path)),
            **loading_arguments(placement),
        )
    own = own_code(path, index, components)
    files = pipeline_files(path, pipeline.components, variant=options.variant, own_code=own)
    return pipeline, hash_files(files)


@contextmanager
def _as_model_error(name: str) -> Iterator[None]:
    """Have what the libraries raise, of nearly any type for damaged files, name the model."""
    try:
        yield
    except ModelError:
        raise
    except Exception as error:
        reason = str(error).strip().splitlines()
        raise ModelError(
            f"{name!r} does not load: {reason[0] if reason else type(error).__name__}"
        ) from error


def _weights_sha256(checkpoint: Checkpoint, path: Path) -> str:
    """As `hash_weights`, of what was read; of a single file with what comes from other folders."""
    weights = weights_of(checkpoint)
    if path.is_dir():
        return hash_of(weights)
    own = weights.pop(f"{WHOLE}/{path.name}")
    folders: dict[str, dict[str, str]] = {}
    for key, digest in weights.items():
        folder, name = key.split("/", 1)
        folders.setdefault(folder, {})[name] = digest
    parts = [f"{folder} {hash_of(hashes)}" for folder, hashes in folders.items()]
    return hashlib.sha256("\n".join([own, *parts]).encode()).hexdigest() if parts else own


def hash_weights(path: Path) -> str:
    """SHA-256 over the weights that are loaded of the checkpoint in `path`, sorted by name.

    It is the one of their names and contents in a folder, and of a single file its own.
    """
    if path.is_file():
        return sha256_of(path)
    groups = [path]
    if (path / PIPELINE_INDEX).is_file():
        groups = [folder for folder in path.iterdir() if folder.is_dir()]
    files = {
        file.relative_to(path).as_posix(): file
        for folder in groups
        for file in weight_files(folder)
        if file.suffix == SAFE
    }
    return hash_of(hash_files({WHOLE: files})[WHOLE])


def choose_device(name: DeviceName) -> torch.device:
    """The device that `name` stands for; `ModelError` if this machine has none such."""
    import torch

    there = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }
    if name == "auto":
        return _own_device(next(device for device, available in there.items() if available))
    if not there.get(name, False):
        usable = ", ".join(device for device, available in there.items() if available)
        raise ModelError(f"This machine has no device {name!r}; it has {usable}.")
    return _own_device(name)


def _own_device(kind: str) -> torch.device:
    """The device of `kind` that is this process's own, by its number where there are several.

    Bare, networks that leave it while idle would come back to the first.
    """
    import torch

    return torch.device(kind, torch.cuda.current_device()) if kind == "cuda" else torch.device(kind)


def choose_dtype(name: DtypeName, device: torch.device) -> torch.dtype:
    """The number format that `name` stands for on `device`; `ModelError` if there is none such."""
    import torch

    if name == "auto":
        if device.type == "cpu":
            return torch.float32
        if device.type == "cuda" and torch.cuda.is_bf16_supported():
            return torch.bfloat16
        return torch.float16
    named = {
        "float32": torch.float32,
        "float16": torch.float16,
        "bfloat16": torch.bfloat16,
    }
    if name not in named:
        raise ModelError(f"The dtype should be auto, {', '.join(named)}; got {name!r}.")
    return named[name]
