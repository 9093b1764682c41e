"""The device that a model runs on, and the number format of its weights."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from t2i_audit.errors import ModelError
from t2i_audit.printable import listed

if TYPE_CHECKING:
    import torch

DtypeName = Literal["auto", "float32", "float16", "bfloat16"]
DeviceName = Literal["auto", "cpu", "cuda", "mps"]

# Number formats for values that overflow another one.
WIDER = {"float16": "bfloat16 or float32", "bfloat16": "float32"}


def available_devices() -> dict[str, bool]:
    """Each kind of device, the preferred one first -> whether this machine has it."""
    import torch

    return {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }


def choose_device(name: DeviceName) -> torch.device:
    """The device that `name` stands for.

    Raises:
        ModelError: this machine does not have it.
    """
    available = available_devices()
    if name == "auto":
        return _own_device(next(device for device, exists in available.items() if exists))
    if not available.get(name, False):
        usable = ", ".join(device for device, exists in available.items() if exists)
        raise ModelError(f"This machine has no device {name!r}; it has {usable}.")
    return _own_device(name)


def choose_judge_device(name: str) -> torch.device:
    """The device that ``--judge-device`` names, e.g. ``cpu``, ``cuda`` or ``cuda:1``.

    Raises:
        ModelError: this machine does not have it.
    """
    import torch

    kind, colon, number = name.partition(":")
    usable = [each for each, exists in available_devices().items() if exists]
    usable += [f"cuda:{index}" for index in range(torch.cuda.device_count())]
    if name not in usable:
        raise ModelError(
            f"--judge-device names {name!r}, which this machine does not have; it has "
            f"{listed(usable)}"
        )
    return torch.device(kind, int(number)) if colon else _own_device(kind)


def _own_device(kind: str) -> torch.device:
    """The device of `kind` that belongs to this process, by its number where there are several.

    Without the number, networks that leave it while idle would come back to the first one.
    """
    import torch

    return torch.device(kind, torch.cuda.current_device()) if kind == "cuda" else torch.device(kind)


def choose_dtype(name: DtypeName, device: torch.device) -> torch.dtype:
    """The number format that `name` stands for on `device`.

    Raises:
        ModelError: there is no such format.
    """
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


def nan_advice(dtype: str) -> str:
    """What a user can do about a checkpoint that produces NaN in the number format `dtype`."""
    if dtype in WIDER:
        return f"its numbers are too large for {dtype}, so give --dtype {WIDER[dtype]}"
    return "the checkpoint is damaged or its parts do not fit each other, so fetch or save it again"


def free_memory(device: torch.device) -> int:
    """Bytes of the memory of `device` that are free; 0 for a CPU, whose memory is the host's."""
    import torch

    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    if device.type == "mps":
        most = torch.mps.recommended_max_memory()
        return max(0, int(most) - int(torch.mps.driver_allocated_memory()))
    return 0
