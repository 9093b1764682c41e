"""Denoisers in a GGUF file, the format of llama.cpp; the rest of the pipeline is in a folder."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prompts.errors import first_line
from t2i_audit.errors import ModelError
from t2i_audit.io import read_json
from t2i_audit.models.builtin import PIPELINE_INDEX
from t2i_audit.models.quantize import INSTALL
from t2i_audit.pipelines.components import DENOISERS

if TYPE_CHECKING:
    import torch

ARCHITECTURE = "general.architecture"


def load_gguf(path: Path, config: Path, dtype: torch.dtype) -> tuple[str, Any]:
    """The denoiser in the file `path`, of the class that the pipeline in `config` has.

    Its weights stay quantised; each layer turns its own into `dtype` while it runs.

    Returns:
        The name of its component, and the denoiser.

    Raises:
        ModelError: it cannot be read, or is no denoiser of that architecture.
    """
    import diffusers

    if find_spec("gguf") is None:
        raise ModelError(f"{path} needs gguf, which is missing; {INSTALL}")
    architecture = _architecture(path)
    index = read_json(config / PIPELINE_INDEX)
    name = next((each for each in DENOISERS if each in index), DENOISERS[0])
    kind: Any = getattr(diffusers, str(index.get(name, [None, None])[1]), None)
    if not hasattr(kind, "from_single_file"):
        raise ModelError(f"{index.get('_class_name')} reads no denoiser in a single file.")
    fit = f"{path} ({architecture}) does not fit the {name} of --config {config}, a {kind.__name__}"
    try:
        denoiser = kind.from_single_file(
            str(path),
            config=str(config),
            subfolder=name,
            quantization_config=diffusers.GGUFQuantizationConfig(compute_dtype=dtype),
            dtype=dtype,
            local_files_only=True,
        )
    # Tensors of another architecture surface as errors of nearly any type.
    except Exception as error:
        raise ModelError(
            f"{fit} ({first_line(error)}); give the file and a folder of one architecture."
        ) from error
    lacking = [key for key, weights in denoiser.named_parameters() if weights.is_meta]
    if lacking:
        raise ModelError(
            f"{fit}, of whose weights it lacks {len(lacking)}, e.g. {lacking[0]}; give the file "
            "and a folder of one architecture."
        )
    return name, denoiser


def _architecture(path: Path) -> str:
    """What the file says that it is, e.g. ``flux``.

    Raises:
        ModelError: it is no GGUF file, or is cut off.
    """
    from gguf import GGUFReader

    try:
        field = GGUFReader(str(path)).get_field(ARCHITECTURE)
        return "of an unnamed architecture" if field is None else str(field.contents())
    # A file of other bytes, or of too few, surfaces as an error of nearly any type.
    except Exception as error:
        raise ModelError(
            f"{path} is no GGUF file, or is damaged or cut off ({first_line(error)}); fetch it "
            "again."
        ) from error
