"""Where a pipeline's parts lie, and what of its speed is given up for memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from t2i_audit.errors import ModelError

if TYPE_CHECKING:
    import torch

    from t2i_audit.settings import Placement


def loading_arguments(placement: Placement) -> dict[str, Any]:
    """What `from_pretrained` is given so that the parts come to lie where they should."""
    return {} if placement.device_map is None else {"device_map": placement.device_map}


def place(pipeline: Any, device: torch.device, placement: Placement) -> Any:
    """`pipeline` moved to `device`, or its parts when their turn comes.

    Raises:
        ModelError: offloading without an accelerator, or the pipeline has no such saving.
    """
    name = type(pipeline).__name__
    if placement.offload != "none" and device.type == "cpu":
        raise ModelError(
            f"--offload {placement.offload} moves parts from the host's memory to an accelerator's;"
            " here the device is the CPU, so leave it out"
        )
    if placement.attention_slicing:
        if not hasattr(pipeline, "enable_attention_slicing"):
            raise ModelError(f"{name} cannot slice its attention; leave --attention-slicing out")
        pipeline.enable_attention_slicing()
    if placement.vae_tiling:
        vae = pipeline.components.get("vae")
        if not hasattr(vae, "enable_tiling"):
            raise ModelError(
                f"{name} has no autoencoder that works in tiles; leave --vae-tiling out"
            )
        vae.enable_tiling()
    if placement.device_map is not None:
        return pipeline
    if placement.offload == "model":
        pipeline.enable_model_cpu_offload(device=device)
        return pipeline
    if placement.offload == "sequential":
        pipeline.enable_sequential_cpu_offload(device=device)
        return pipeline
    return pipeline.to(device)
