"""What a checkpoint runs on and how large it is: the device's name, its memory, parameters."""

from __future__ import annotations

import platform
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

from t2i_audit.models.quantize import size_of

if TYPE_CHECKING:
    import torch

    from t2i_audit.models.loaded import LoadedModel

CPU_INFO = Path("/proc/cpuinfo")


def device_label(device: torch.device) -> str:
    """The name of a device as its maker has it, e.g. ``NVIDIA H100 80GB HBM3``."""
    import torch

    return torch.cuda.get_device_name(device) if device.type == "cuda" else processor_name()


def processor_name() -> str:
    """The name of the processor, which on a Mac is its GPU's too; else its architecture."""
    try:
        if platform.system() == "Darwin":
            command = ["/usr/sbin/sysctl", "-n", "machdep.cpu.brand_string"]
            name = subprocess.check_output(command, encoding="utf-8", timeout=5)
        else:
            lines = CPU_INFO.read_text(encoding="utf-8", errors="replace").splitlines()
            name = next((line for line in lines if line.startswith("model name")), "")
            name = name.partition(":")[2]
    except (OSError, subprocess.SubprocessError):
        name = ""
    return name.strip() or platform.processor() or platform.machine()


def parameters_of(pipeline: Any) -> dict[str, int]:
    """The number of parameters of each network of a pipeline, by component."""
    from torch import nn

    return {
        name: sum(map(size_of, network.parameters()))
        for name, network in sorted(pipeline.components.items())
        if isinstance(network, nn.Module)
    }


class PeakMemory:
    """The most that this process had on a model's device at any time while it was watched."""

    def __init__(self, loaded: LoadedModel) -> None:
        self._kind = loaded.device.type
        self._devices: list[Any] = [loaded.device]
        if self._kind == "cuda" and loaded.placement.device_map is not None:
            import torch

            self._devices = list(range(torch.cuda.device_count()))
        self.peak: int | None = None
        """In bytes; None on a CPU, where memory is the process's as a whole."""

    def restart(self) -> None:
        """Begin to watch; what happened before does not count."""
        import torch

        for device in self._devices if self._kind == "cuda" else ():
            torch.cuda.reset_peak_memory_stats(device)

    def read(self) -> None:
        """Take in what happened since `restart`."""
        import torch

        if self._kind == "cuda":
            used = sum(torch.cuda.max_memory_allocated(device) for device in self._devices)
        elif self._kind == "mps":
            # The driver gives nothing back by itself, so that this is the most so far.
            used = torch.mps.driver_allocated_memory()
        else:
            return
        self.peak = max(used, self.peak or 0)
