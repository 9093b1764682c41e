"""Quantised checkpoints: how one is quantised as it is loaded, and what a loaded one is made of."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from t2i_audit.errors import ModelError
from t2i_audit.io import read_json
from t2i_audit.models.builtin import NETWORK_CONFIG
from t2i_audit.pipelines.components import DENOISERS, ENCODER
from t2i_audit.printable import listed
from t2i_audit.settings import Quantization

if TYPE_CHECKING:
    import torch

# The library that carries out each choice.
LIBRARY: dict[Quantization, str] = {"nf4": "bitsandbytes", "int8": "torchao", "fp8": "torchao"}
# Libraries whose saved networks are read. Others fetch kernels and run them, or read pickles.
READ = ("bitsandbytes", "torchao")
SAVED = "quantization_config"
INSTALL = "install it with: pip install 't2i-audit[quantize]'"
# Diffusers quantises with bitsandbytes on an accelerator only, and Metal has no 8-bit floats.
DEVICES: dict[Quantization, tuple[str, ...]] = {
    "nf4": ("cuda", "mps"),
    "int8": ("cuda", "mps", "cpu"),
    "fp8": ("cuda", "cpu"),
}


def check_quantization(
    path: Path,
    name: str,
    components: Iterable[str],
    *,
    choice: Quantization | None,
    lora: bool,
    device: torch.device,
) -> None:
    """Refuse a quantisation that cannot be read or carried out; nothing is loaded.

    Args:
        path: folder of the pipeline.
        name: of the model, as the user wrote it.
        components: of the pipeline.
        choice: the user's.
        lora: whether a LoRA is to be added.
        device: on which the checkpoint will run.

    Raises:
        ModelError: one sentence.
    """
    saved = saved_quantization(path, components)
    for component, library in saved.items():
        check_library(library, f"the {component} of {name!r}")
    if lora and (saved or choice is not None):
        refuse_lora(f"the {listed([*saved])} of {name!r}" if saved else repr(name))
    if choice is None:
        return
    if saved:
        raise ModelError(
            f"--quantize {choice} is for a checkpoint that is not quantised, and the "
            f"{listed([*saved])} of {name!r} is already ({saved[min(saved)]}); leave it out."
        )
    library = LIBRARY[choice]
    if find_spec(library) is None:
        raise ModelError(f"--quantize {choice} needs {library}, which is missing; {INSTALL}")
    if device.type not in DEVICES[choice]:
        others = [each for each, devices in DEVICES.items() if device.type in devices]
        raise ModelError(
            f"--quantize {choice} does not run on the device {device.type!r}; give "
            f"--quantize {' or '.join(others)}, or --device {' or '.join(DEVICES[choice])}."
        )


def check_library(library: str, what: str) -> None:
    """Refuse a quantised network whose library is not read here or not installed.

    Raises:
        ModelError: one sentence that begins with `what`.
    """
    what = f"{what[0].upper()}{what[1:]} is quantised by {library}"
    if library not in READ:
        raise ModelError(
            f"{what}, which is not read here ({' and '.join(READ)} are); give the checkpoint that "
            "is not quantised, with --quantize if it is too large."
        )
    if find_spec(library) is None:
        raise ModelError(f"{what}, which is missing; {INSTALL}")


def refuse_lora(what: str) -> None:
    """Refuse a LoRA beside quantised weights, into which it cannot be fused without a loss.

    Raises:
        ModelError: always.
    """
    raise ModelError(
        f"--lora cannot be fused into {what}, which is quantised; fuse it into the checkpoint that "
        "is not (fuse_lora and save_pretrained of diffusers), and give that folder."
    )


def saved_quantization(path: Path, components: Iterable[str]) -> dict[str, str]:
    """The library that quantised each component of the pipeline in `path` before it was saved."""
    found = {}
    for component in sorted(components):
        library = saved_in(path / component)
        if library is not None:
            found[component] = library
    return found


def saved_in(folder: Path) -> str | None:
    """The library that quantised the network in `folder` before it was saved."""
    config = folder / NETWORK_CONFIG
    if not config.is_file():
        return None
    try:
        saved = read_json(config).get(SAVED)
    except (OSError, ValueError, AttributeError):
        return None  # which is for loading to tell
    return str(saved.get("quant_method")) if isinstance(saved, Mapping) else None


def loading_config(choice: Quantization, components: Iterable[str], dtype: torch.dtype) -> Any:
    """Diffusers' configuration that quantises the denoiser and the text encoders of a pipeline.

    The linear layers are quantised. The VAE is left as it is: it is small, and what it draws of
    the same latents should not change.
    """
    from diffusers import PipelineQuantizationConfig

    mapping = {
        name: _config(choice, dtype, of_transformers=ENCODER in name)
        for name in sorted(components)
        if name in DENOISERS or ENCODER in name
    }
    return PipelineQuantizationConfig(quant_mapping=mapping)


def _config(choice: Quantization, dtype: torch.dtype, *, of_transformers: bool) -> Any:
    # The two libraries each have a class of the same name.
    import diffusers
    import transformers

    source: Any = transformers if of_transformers else diffusers
    if choice == "nf4":
        return source.BitsAndBytesConfig(
            load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=dtype
        )
    from torchao.quantization import Float8WeightOnlyConfig, Int8WeightOnlyConfig

    kinds = {"int8": Int8WeightOnlyConfig, "fp8": Float8WeightOnlyConfig}
    return source.TorchAoConfig(kinds[choice]())


def quantization_of(pipeline: Any) -> dict[str, str]:
    """How the weights of each quantised component are kept, e.g. ``gguf Q4_K``.

    Empty for a pipeline without quantised weights.
    """
    from torch import nn

    found = {}
    for name, network in sorted(pipeline.components.items()):
        if isinstance(network, nn.Module):
            kinds = {_kind(each, network) for each in network.parameters()} - {None}
            if kinds:
                found[name] = ", ".join(sorted(map(str, kinds)))
    return found


def quantization_notes(quantized: Mapping[str, str]) -> tuple[str, ...]:
    """A sentence on `quantized`, from `quantization_of`, for the reader of the results."""
    if not quantized:
        return ()
    each = listed([f"{name} ({kind})" for name, kind in quantized.items()])
    return (
        f"Weights are quantised: {each}; the networks with random weights that figures are "
        "compared with have the same architecture and are not.",
    )


def size_of(parameter: Any) -> int:
    """How many numbers a parameter stands for, however they are packed."""
    shape = getattr(parameter, "quant_shape", None)  # of GGUF
    if shape is None:
        shape = getattr(getattr(parameter, "quant_state", None), "shape", None)  # of 4 bits
    return int(parameter.numel()) if shape is None else math.prod(shape)


def _kind(parameter: Any, network: Any) -> str | None:
    """How a quantised parameter of `network` is kept; None of any other."""
    kind: Any = getattr(parameter, "quant_type", None)
    if hasattr(parameter, "quant_shape"):
        return f"gguf {kind.name}"
    if type(parameter).__module__.startswith("bitsandbytes"):
        return f"bitsandbytes {kind or 'int8'}"
    data = type(parameter.data)
    if data.__module__.startswith("torchao"):
        saved = getattr(getattr(network, "config", None), SAVED, None)
        made_by = getattr(saved, "quant_type", None)
        return f"torchao {data.__name__ if made_by is None else type(made_by).__name__}"
    return None
