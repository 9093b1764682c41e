"""Checkpoints in one file, with the configuration of a folder of the same architecture.

Some files hold a whole pipeline, others only the denoiser, as those of FLUX.1 and all in GGUF. What
the file lacks is read from the folder.
"""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from t2i_audit.errors import ModelError
from t2i_audit.models.builtin import NETWORK_CONFIG, PIPELINE_INDEX
from t2i_audit.models.files import has_variant
from t2i_audit.models.folder import read_folder
from t2i_audit.models.gguf import load_gguf
from t2i_audit.models.resolve import WEIGHT_FILES, read_index
from t2i_audit.models.variants import check_variant, names_in
from t2i_audit.settings import GGUF, ModelOptions, Placement

if TYPE_CHECKING:
    from collections.abc import Mapping, Set

    import torch

DENOISERS = ("unet", "transformer")
# Diffusers does not read these from a single file.
LEFT_OUT = ("safety_checker", "feature_extractor", "image_encoder")


def load_single_file(
    path: Path,
    options: ModelOptions,
    placement: Placement,
    dtype: torch.dtype,
    device: torch.device,
) -> tuple[Any, tuple[str, ...]]:
    """Load the pipeline of the class that ``options.config`` names, with the weights in `path`.

    Returns:
        The pipeline, and the components that `path` lacks, whose weights come from that folder.

    Raises:
        ModelError: that folder is missing or no pipeline's, its class reads no single file, or
            a component lies neither in the file nor in the folder.
    """
    import diffusers

    config = options.config
    if config is None or not (config / PIPELINE_INDEX).is_file():
        raise ModelError(
            f"{str(path)!r} is one file; give --config DIR, a diffusers folder (with "
            f"{PIPELINE_INDEX}) of the same architecture."
        )
    index, components = read_index(config, str(config))
    if path.suffix == GGUF:
        own, denoiser = load_gguf(path, config, dtype)
        pipeline = read_folder(
            config,
            str(config),
            dtype=dtype,
            device=device,
            options=options,
            placement=placement,
            given={own: denoiser},
        )
        return pipeline, tuple(components - {own})
    name = index.get("_class_name")
    kind: Any = getattr(diffusers, str(name), None)
    if not hasattr(kind, "from_single_file"):
        raise ModelError(f"{name} reads no checkpoint in a single file; give a folder.")
    lacking = _lacking(path, config, index, components)
    variant = options.variant
    if variant is not None and not lacking:
        raise ModelError(
            f"--variant means nothing for {str(path)!r}, which holds all weights itself; leave it "
            "out."
        )
    check_variant(names_in(config, lacking), str(config), variant)
    beside = {
        name: part.from_pretrained(
            config / name,
            dtype=dtype,
            use_safetensors=True,
            local_files_only=True,
            variant=variant if variant and has_variant(config / name, variant) else None,
        )
        for name, part in lacking.items()
    }
    pipeline = kind.from_single_file(
        path, config=str(config), dtype=dtype, local_files_only=True, **beside
    )
    return pipeline, tuple(beside)


def _lacking(
    path: Path, config: Path, index: Mapping[str, Any], components: Set[str]
) -> dict[str, Any]:
    """Name and class of each network that the file `path` does not hold and `config` does.

    Raises:
        ModelError: neither of them has its weights.
    """
    from safetensors import safe_open

    with safe_open(path, framework="pt") as file:
        keys = set(file.keys())
    found = {}
    for name in sorted(components - {*DENOISERS, *LEFT_OUT}):
        library, class_name = index[name]
        folder = config / name
        part = getattr(importlib.import_module(library), class_name)
        # Only networks have this file; diffusers reads tokenizers and schedulers by itself.
        if not (folder / NETWORK_CONFIG).is_file() or _holds(keys, part):
            continue
        if not any(folder.glob(WEIGHT_FILES)):
            raise ModelError(
                f"{path} holds no {name}, and {folder} has no weights in safetensors format; put "
                "them there."
            )
        found[name] = part
    return found


def _holds(keys: Set[str], part: Any) -> bool:
    """Whether a file with tensors named `keys` holds a component of class `part`."""
    from diffusers.loaders.single_file_utils import (
        LDM_VAE_KEYS,
        is_clip_model_in_single_file,
        is_t5_in_single_file,
    )
    from transformers import PreTrainedModel

    if not issubclass(part, PreTrainedModel):
        return any(key.startswith(tuple(LDM_VAE_KEYS)) for key in keys)
    if is_clip_model_in_single_file(part, keys):
        return True
    return part.__name__.startswith("T5") and is_t5_in_single_file(keys)
