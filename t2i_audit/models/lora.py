"""LoRAs: fused into a checkpoint's weights, after a check of which of their tensors fit.

Diffusers loads what it recognises in a file and warns of the rest, so that a LoRA for another
architecture silently changes nothing. Here the tensors are matched with the checkpoint's layers
before they are loaded, and the weights are compared before and after.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prompts.errors import first_line
from t2i_audit.errors import ModelError
from t2i_audit.io import sha256_of
from t2i_audit.pipelines.workarounds import quiet_libraries, replaced_method
from t2i_audit.settings import SAFE

if TYPE_CHECKING:
    import torch
    from torch import nn

# Follows the name of a layer in the name of a tensor that changes it.
CHANGE = re.compile(r"\.(lora_|lokr_)")
ALPHA = re.compile(r"(^|[._])alpha$")
# Scales of DoRA, which diffusers leaves out in one format.
LEFT_OUT = "dora_scale"
# The matrix with the width of a layer's input, and the one with the width of its output.
DOWN, UP = (".lora_A.", ".down."), (".lora_B.", ".up.")


@dataclass(frozen=True)
class AddedLora:
    """One LoRA that was added."""

    file: str
    """Name of the file, without its folder."""
    weight: float
    sha256: str
    used: int
    """Tensors that fit a layer of the checkpoint."""
    tensors: int
    """Tensors in all, as diffusers names them."""


@dataclass
class _Fit:
    """How many of a LoRA's tensors fit the checkpoint."""

    used: int = 0
    unused: tuple[str, ...] = ()

    @property
    def tensors(self) -> int:
        return self.used + len(self.unused)


def add_loras(
    pipeline: Any, loras: Sequence[tuple[str, float]]
) -> tuple[tuple[AddedLora, ...], tuple[str, ...]]:
    """Fuse each LoRA, times its weight, into the checkpoint's weights.

    Returns:
        What was added, and notes for the reader of the results.

    Raises:
        ModelError: a file is missing, is not in safetensors format, fits nothing in the checkpoint
            or changes nothing there.
    """
    added, notes = [], []
    for path, weight in loras:
        fit = _add(pipeline, path, weight)
        added.append(
            AddedLora(Path(path).name, weight, sha256_of(Path(path)), fit.used, fit.tensors)
        )
        if fit.unused:
            notes.append(
                f"{fit.used} of {fit.tensors} tensors of --lora {path} fit "
                f"{type(pipeline).__name__} and were added; the others, {fit.unused[0]} among "
                "them, were not."
            )
        if weight == 0:
            notes.append(f"--lora {path} has weight 0 and changes nothing.")
    return tuple(added), tuple(notes)


def _add(pipeline: Any, path: str, weight: float) -> _Fit:
    kind = type(pipeline).__name__
    if not Path(path).is_file() or not path.endswith(SAFE):
        raise ModelError(f"--lora {path} should name a {SAFE} file that exists.")
    names = _tensor_names(path)
    if not hasattr(pipeline, "load_lora_weights"):
        raise ModelError(f"--lora {path} cannot be added: {kind} takes no LoRA; leave it out.")
    fit = _Fit()
    try:
        with quiet_libraries(), _fitting_alone(pipeline, path, fit):
            pipeline.load_lora_weights(path, use_safetensors=True, local_files_only=True)
    except ModelError:
        raise
    # A file that the libraries cannot read surfaces as an error of nearly any type.
    except Exception as error:
        # If no name in it is known, the errors vary as much.
        if not fit.used:
            raise _fits_nothing(path, kind, names) from error
        raise ModelError(f"--lora {path} cannot be added: {first_line(error)}") from error
    fit.unused += tuple(name for name in names if LEFT_OUT in name)
    layers = _changed_layers(pipeline)
    before = {name: _fingerprint(layer) for name, layer in layers.items()}
    with quiet_libraries():
        components = sorted({name.partition(".")[0] for name in layers})
        pipeline.fuse_lora(components=components, lora_scale=weight)
    for layer in layers.values():
        if not _is_finite(layer):
            raise ModelError(
                f"--lora {path} makes weights that are not finite; it is damaged, or its weight "
                f"{weight:g} is too large."
            )
    if weight and all(before[name] == _fingerprint(layer) for name, layer in layers.items()):
        raise ModelError(
            f"--lora {path} changes no weight of {kind}: its changes are zero, or too small for "
            "the number format; leave it out, or give a larger WEIGHT or --dtype float32."
        )
    with quiet_libraries():
        pipeline.unload_lora_weights()
    return fit


def _tensor_names(path: str) -> list[str]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            return sorted(file.keys())
    except (OSError, SafetensorError) as error:
        raise ModelError(f"--lora {path} cannot be read: {first_line(error)}") from error


@contextmanager
def _fitting_alone(pipeline: Any, path: str, fit: _Fit) -> Iterator[None]:
    """Have `pipeline` load only those tensors of a LoRA that fit its layers; `fit` counts them.

    Raises:
        ModelError: nothing fits, or a layer is of another width.
    """
    own: Callable[..., Any] = pipeline.lora_state_dict

    def fitting(*args: Any, **kwargs: Any) -> Any:
        # At this point the names are those of diffusers, whatever program trained the LoRA.
        read = own(*args, **kwargs)
        tensors, *others = read if isinstance(read, tuple) else (read,)
        kept, unused = {}, []
        for key, layer in _layers_of(pipeline, tensors).items():
            if layer is not None:
                _require_width(path, key, tensors[key], layer)
                kept[key] = tensors[key]
            elif not ALPHA.search(key):
                unused.append(key)
        fit.used = sum(not ALPHA.search(key) for key in kept)
        fit.unused = tuple(unused)
        if not fit.used:
            raise _fits_nothing(path, type(pipeline).__name__, unused or list(tensors))
        return (kept, *others) if isinstance(read, tuple) else kept

    with replaced_method(pipeline, "lora_state_dict", fitting):
        yield


def _fits_nothing(path: str, kind: str, names: Sequence[str]) -> ModelError:
    example = f", {names[0]} among them," if names else ""
    return ModelError(
        f"--lora {path} fits nothing in {kind}: none of its tensors{example} is for a layer that "
        "the checkpoint has; give a LoRA that was trained on this architecture."
    )


def _layers_of(pipeline: Any, names: Mapping[str, Any]) -> dict[str, nn.Module | None]:
    """The layer of `pipeline` that each tensor of a LoRA changes; None if it has no such layer."""
    found: dict[str, nn.Module | None] = dict.fromkeys(names)
    for component in pipeline._lora_loadable_modules:
        network = getattr(pipeline, component, None)
        own = {key: key for key in names if key.startswith(f"{component}.")}
        if network is None or not own:
            continue
        layers = dict(network.named_modules())
        norms = getattr(pipeline, "_control_lora_supported_norm_keys", ())
        for name, key in _as_peft_names(own, component, network).items():
            layer = ALPHA.sub("", CHANGE.split(name)[0])
            if not CHANGE.search(name) and any(norm in name for norm in norms):
                layer = name.rpartition(".")[0]
            elif not CHANGE.search(name) and not ALPHA.search(name):
                continue
            found[key] = layers.get(layer)
    return found


def _as_peft_names(names: Mapping[str, str], component: str, network: Any) -> dict[str, str]:
    """`names` within `component`, converted to PEFT's names as the libraries do it."""
    from diffusers.utils import state_dict_utils as conversion
    from transformers import PreTrainedModel

    within = {name.removeprefix(f"{component}."): key for name, key in names.items()}
    if not isinstance(network, PreTrainedModel):
        converted: dict[str, str] = conversion.convert_unet_state_dict_to_peft(within)
        return converted
    try:
        within = conversion.convert_state_dict_to_diffusers(within)
        within = conversion.convert_state_dict_to_peft(within)
    except ValueError:  # the format is unknown to the conversion
        return within
    if not hasattr(network, "text_model"):
        within = {name.removeprefix("text_model."): key for name, key in within.items()}
    return within


def _require_width(path: str, key: str, tensor: torch.Tensor, layer: nn.Module) -> None:
    """Refuse a matrix that belongs to a layer of another width."""
    weight: Any = getattr(layer, "weight", None)
    down, up = (any(part in key for part in each) for each in (DOWN, UP))
    if weight is None or weight.ndim < 2 or tensor.ndim < 2 or not (down or up):
        return
    takes = "takes" if down else "gives"
    own, given = (weight.shape[1], tensor.shape[1]) if down else (weight.shape[0], tensor.shape[0])
    if own != given:
        raise ModelError(
            f"--lora {path} is for another architecture: {key} is for a layer that {takes} {given} "
            f"numbers, and that of the checkpoint {takes} {own}."
        )


def _changed_layers(pipeline: Any) -> dict[str, Any]:
    """The layers that PEFT wrapped, by component and by name within it."""
    from peft.tuners.tuners_utils import BaseTunerLayer

    return {
        f"{component}.{name}": layer
        for component in pipeline._lora_loadable_modules
        if getattr(pipeline, component, None) is not None
        for name, layer in getattr(pipeline, component).named_modules()
        if isinstance(layer, BaseTunerLayer)
    }


def _fingerprint(layer: Any) -> tuple[int, ...]:
    """Hashes of the layer's weights; the weights are not copied."""
    import torch

    # The hash is unsigned, which Python's conversion does not accept.
    return tuple(int(torch.hash_tensor(each).view(torch.int64)) for each in _weights(layer))


def _is_finite(layer: Any) -> bool:
    return all(bool(each.isfinite().all()) for each in _weights(layer))


def _weights(layer: Any) -> list[torch.Tensor]:
    """The checkpoint's own weights of a layer that PEFT wrapped."""
    return [each.detach() for each in layer.get_base_layer().parameters(recurse=False)]
