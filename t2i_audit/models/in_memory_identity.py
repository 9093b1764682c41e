"""What identifies a pipeline in memory: hashes of its weights and of its settings.

They take the place of the hashes of a checkpoint's files, which they never equal: a file also holds
how its numbers were saved.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from t2i_audit.models.builtin import PIPELINE_INDEX
from t2i_audit.models.files import WHOLE, Checkpoint, hash_of

if TYPE_CHECKING:
    import torch
    from torch import nn

WEIGHTS, CONFIG, ADAPTERS = "weights", "config", "adapters"
PIECE = 1 << 26  # bytes that are copied from the device at once
# Where a component came from and what saved it, and what a tokenizer was last used for; none of it
# changes what the component does. The number format is part of the weights' hash.
PASSING = {
    "_name_or_path", "name_or_path", "_commit_hash", "_diffusers_version", "transformers_version",
    "dtype", "torch_dtype", "truncation", "padding",
}  # fmt: skip


def identity_of(pipeline: Any) -> Checkpoint:
    """SHA-256 of what each component of `pipeline` is made of, by component and by name.

    Of a network: ``weights`` (see `hash_of_network`), ``config``, and ``adapters`` where PEFT has
    added some: which of them are active, and how strongly. Of a tokenizer, a scheduler and the
    like: each file that it saves.
    """
    from torch import nn

    own = {key: each for key, each in dict(pipeline.config).items() if not _is_component(each)}
    identity = {WHOLE: {PIPELINE_INDEX: _hash_of_json(own)}}
    for name, part in sorted(pipeline.components.items()):
        if isinstance(part, nn.Module):
            identity[name] = _of_network(part)
        elif hasattr(part, "save_pretrained"):
            identity[name] = _of_settings(part)
    return identity


def weights_of(checkpoint: Checkpoint) -> str:
    """One SHA-256 over the weights and adapters of all networks in what `identity_of` returned."""
    return hash_of(
        {
            f"{component}/{name}": each
            for component, members in checkpoint.items()
            for name, each in members.items()
            if name in (WEIGHTS, ADAPTERS)
        }
    )


def hash_of_network(network: nn.Module) -> str:
    """SHA-256 over name, dtype, shape and bytes of each tensor in the state, sorted by name.

    The same tensors have the same hash on every device. Of a tensor on a device, `PIECE` bytes at a
    time are copied to the host.
    """
    digest = hashlib.sha256()
    for name, tensor in sorted(network.state_dict().items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        for piece in _pieces(tensor):
            digest.update(piece)
    return digest.hexdigest()


def _pieces(tensor: torch.Tensor) -> Any:
    import torch

    flat = tensor.detach().contiguous().flatten().view(torch.uint8)
    return (each.cpu().numpy() for each in flat.split(PIECE))


def _of_network(network: nn.Module) -> dict[str, str]:
    config = getattr(network, "config", {})
    config = config.to_dict() if hasattr(config, "to_dict") else dict(config)
    found = {
        CONFIG: _hash_of_json({"class": type(network).__qualname__, **config}),
        WEIGHTS: hash_of_network(network),
    }
    adapters = _adapters(network)
    return {**found, ADAPTERS: _hash_of_json(adapters)} if adapters else found


def _adapters(network: nn.Module) -> dict[str, Any]:
    """By layer that PEFT has wrapped, what its weights do not say of its adapters."""
    from peft.tuners.tuners_utils import BaseTunerLayer

    return {
        name: {
            "active": [] if layer.disable_adapters else list(layer.active_adapters),
            "merged": list(layer.merged_adapters),
            "scaling": getattr(layer, "scaling", {}),
        }
        for name, layer in network.named_modules()
        if isinstance(layer, BaseTunerLayer)
    }


def _of_settings(part: Any) -> dict[str, str]:
    with tempfile.TemporaryDirectory() as folder:
        part.save_pretrained(folder)
        files = (file for file in Path(folder).rglob("*") if file.is_file())
        return {file.relative_to(folder).as_posix(): _hash_of_file(file) for file in sorted(files)}


def _hash_of_file(file: Path) -> str:
    if file.suffix == ".json":
        return _hash_of_json(json.loads(file.read_text(encoding="utf-8")))
    return hashlib.sha256(file.read_bytes()).hexdigest()


def _hash_of_json(value: Any) -> str:
    if isinstance(value, dict):
        value = {key: each for key, each in value.items() if key not in PASSING}
    text = json.dumps(value, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def _is_component(value: Any) -> bool:
    """Whether an entry of a pipeline's configuration names a component's library and class."""
    return isinstance(value, tuple | list) and len(value) == 2
