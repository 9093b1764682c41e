"""States copied from a device to the host's memory."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    import numpy as np
    import torch

K = TypeVar("K")


def on_host(tensors: Mapping[K, torch.Tensor]) -> dict[K, np.ndarray]:
    """`tensors` as arrays in the host's memory.

    From CUDA devices all are copied at the same time, into pinned memory, and waited for once for
    each device; a plain copy makes the device wait for each. See "Use pinned memory buffers" in
    torch's notes on CUDA: what was not waited for may hold anything.
    """
    import torch

    copies = {}
    devices = set()
    for key, values in tensors.items():
        if values.device.type == "cuda":
            pinned = torch.empty(values.shape, dtype=values.dtype, pin_memory=True)
            copies[key] = pinned.copy_(values, non_blocking=True)
            devices.add(values.device)
        else:
            copies[key] = values.cpu()
    for device in devices:
        with torch.cuda.device(device):
            event = torch.cuda.Event()
            event.record()
            event.synchronize()
    return {key: values.numpy() for key, values in copies.items()}
