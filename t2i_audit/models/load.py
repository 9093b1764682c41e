"""A pipeline in memory, with all that identifies it in a run's manifest."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from t2i_audit.errors import ModelError
from t2i_audit.io import sha256_of
from t2i_audit.models.quiet import quiet_libraries
from t2i_audit.models.resolve import (
    Source,
    absent_components,
    check_pipeline,
    fetch_from_hub,
    resolve_model,
)

if TYPE_CHECKING:
    import torch

DtypeName = Literal["auto", "float32", "float16", "bfloat16"]
DeviceName = Literal["auto", "cpu", "cuda", "mps"]


@dataclass(frozen=True, eq=False)
class LoadedModel:
    """A pipeline ready to run."""

    name: str
    """As the user wrote it."""
    source: Source
    path: Path
    """The folder it was loaded from."""
    pipeline: Any = field(repr=False)
    """A `diffusers.DiffusionPipeline` on `device`, in evaluation mode."""
    dtype: torch.dtype
    device: torch.device
    weights_sha256: str
    """See `hash_weights`."""

    @property
    def dtype_name(self) -> str:
        """E.g. ``float32``."""
        return str(self.dtype).removeprefix("torch.")


def load_model(
    name: str,
    *,
    dtype: DtypeName = "auto",
    device: DeviceName = "auto",
    builtin: Path | None = None,
) -> LoadedModel:
    """Load the pipeline `name`; see `resolve_model` for what a name may be.

    Only safetensors weights are read, whatever else lies in the folder.

    Args:
        name: ``builtin:NAME``, a local folder, or a hub id.
        dtype: of all networks; ``auto`` is float32 on a CPU, else bfloat16 where the device has
            it, else float16.
        device: ``auto`` takes CUDA, then MPS, then the CPU.
        builtin: folder of the shipped checkpoints, if not the package's own.

    Raises:
        ModelError: it cannot be found, is incomplete, does not load, or the device is not there.
    """
    resolved = resolve_model(name, builtin=builtin)
    chosen_device = _device(device)
    chosen_dtype = _dtype(dtype, chosen_device)
    path = resolved.path
    if path is None:
        path = fetch_from_hub(name)
        check_pipeline(path, name)

    from diffusers import DiffusionPipeline

    try:
        with quiet_libraries():
            pipeline = DiffusionPipeline.from_pretrained(
                path,
                dtype=chosen_dtype,
                use_safetensors=True,
                local_files_only=True,
                **dict.fromkeys(absent_components(path)),
            ).to(chosen_device)
    # Damaged configuration and weights surface as nearly any type, from three libraries.
    except Exception as error:
        reason = str(error).strip().splitlines()
        raise ModelError(
            f"{name!r} does not load: {reason[0] if reason else type(error).__name__}"
        ) from error
    pipeline.set_progress_bar_config(disable=True)
    return LoadedModel(
        name=name,
        source=resolved.source,
        path=path,
        pipeline=pipeline,
        dtype=chosen_dtype,
        device=chosen_device,
        weights_sha256=hash_weights(path),
    )


def hash_weights(path: Path) -> str:
    """SHA-256 over the names and contents of all safetensors files under `path`, sorted by name."""
    digest = hashlib.sha256()
    files = sorted(file.relative_to(path).as_posix() for file in path.rglob("*.safetensors"))
    for file in files:
        digest.update(f"{file} {sha256_of(path / file)}\n".encode())
    return digest.hexdigest()


def _device(name: DeviceName) -> torch.device:
    import torch

    there = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }
    if name == "auto":
        return torch.device(next(device for device, available in there.items() if available))
    if not there.get(name, False):
        usable = ", ".join(device for device, available in there.items() if available)
        raise ModelError(f"This machine has no device {name!r}; it has {usable}.")
    return torch.device(name)


def _dtype(name: DtypeName, device: torch.device) -> torch.dtype:
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
