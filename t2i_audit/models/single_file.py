"""Checkpoints in one file, with the configuration of a folder of the same architecture."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from t2i_audit.errors import ModelError
from t2i_audit.io import read_json
from t2i_audit.models.builtin import PIPELINE_INDEX

if TYPE_CHECKING:
    import torch


def load_single_file(path: Path, config: Path | None, dtype: torch.dtype) -> Any:
    """The pipeline of the class that `config` names, with the weights in `path`.

    Raises:
        ModelError: `config` is missing or no pipeline's folder, or its class reads no single file.
    """
    import diffusers

    if config is None or not (config / PIPELINE_INDEX).is_file():
        raise ModelError(
            f"{str(path)!r} is one file; give --config DIR, a diffusers folder (with "
            f"{PIPELINE_INDEX}) of the same architecture."
        )
    name = read_json(config / PIPELINE_INDEX).get("_class_name")
    kind: Any = getattr(diffusers, str(name), None)
    if not hasattr(kind, "from_single_file"):
        raise ModelError(f"{name} reads no checkpoint in a single file; give a folder.")
    return kind.from_single_file(path, config=str(config), dtype=dtype, local_files_only=True)
