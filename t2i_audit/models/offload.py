"""On which device a pipeline's networks are, and the options that trade speed for memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, Any

from t2i_audit.errors import ModelError
from t2i_audit.models.out_of_memory import runs_short
from t2i_audit.models.speed import speed_up

if TYPE_CHECKING:
    import torch

    from t2i_audit.models.loaded import LoadedModel
    from t2i_audit.reporter import Reporter
    from t2i_audit.settings import Placement

OFFLOADED = "memory runs short; from here on each network is on the device only while it runs"


def loading_arguments(placement: Placement) -> dict[str, Any]:
    """Arguments of `from_pretrained` that place the networks."""
    return {} if placement.device_map is None else {"device_map": placement.device_map}


def place(pipeline: Any, device: torch.device, placement: Placement, reporter: Reporter) -> Any:
    """Move `pipeline` to `device`, or let each of its networks move there when it runs.

    Raises:
        ModelError: the device is the CPU and cannot offload, or the pipeline lacks an option.
    """
    name = type(pipeline).__name__
    if placement.offload in ("model", "sequential") and not has_own_memory(device):
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
    speed_up(pipeline, placement)
    if placement.device_map is not None:
        return pipeline
    if placement.offload == "model":
        pipeline.enable_model_cpu_offload(device=device)
        return pipeline
    if placement.offload == "sequential":
        pipeline.enable_sequential_cpu_offload(device=device)
        return pipeline
    if placement.offload == "auto" and has_own_memory(device) and _knows_turns(pipeline):
        if runs_short(partial(pipeline.to, device)):
            pipeline.enable_model_cpu_offload(device=device)
            reporter.note(OFFLOADED)
        return pipeline
    return pipeline.to(device)


def has_own_memory(device: torch.device) -> bool:
    """Whether moving networks from `device` to the host frees memory of the device."""
    return device.type != "cpu"


def is_offloaded(pipeline: Any) -> bool:
    """Whether each network of `pipeline` is on the device only while it runs."""
    from accelerate.hooks import CpuOffload

    networks = pipeline.components.values()
    return any(isinstance(getattr(each, "_hf_hook", None), CpuOffload) for each in networks)


def relieve(loaded: LoadedModel) -> bool:
    """From now on keep each network of `loaded` on the device only while it runs.

    For example, the text encoders leave it while the denoiser samples. No number changes.

    Returns:
        Whether anything was changed: not if the user chose otherwise, or nothing would be gained.
    """
    pipeline = loaded.pipeline
    if (
        loaded.placement.offload != "auto"
        or loaded.placement.device_map is not None
        or not has_own_memory(loaded.device)
        or not _knows_turns(pipeline)
        or is_offloaded(pipeline)
    ):
        return False
    pipeline.enable_model_cpu_offload(device=loaded.device)
    return True


def take_turns(leaving: Any, coming: Any, names: Iterable[str], device: torch.device) -> None:
    """Move the networks `names` of the pipeline `coming` to where those of `leaving` are now.

    Those of `leaving` move to the host, so that the device never holds both. The two pipelines
    share all other networks.
    """
    from accelerate import cpu_offload, dispatch_model
    from accelerate.hooks import remove_hook_from_submodules

    if is_offloaded(leaving):
        coming.enable_model_cpu_offload(device=device)
        return
    for name in names:
        old, new = leaving.components[name], coming.components[name]
        spread = getattr(old, "hf_device_map", None)
        if spread is not None:
            remove_hook_from_submodules(old)
            old.to("cpu")
            dispatch_model(new, spread, force_hooks=True)
        elif not hasattr(old, "_hf_hook"):
            old.to("cpu")
            new.to(device)
        # With sequential offloading neither is on the device while it does not run.
        elif not hasattr(new, "_hf_hook"):
            cpu_offload(new, device, offload_buffers=bool(new._parameters))


def put_away(pipelines: Iterable[Any]) -> None:
    """Have networks that are on the device only while they run leave it.

    A pipeline does so itself at the end of its call; here for a call that was broken off, after
    which the denoiser would still be there while the text encoders run anew.
    """
    for pipeline in pipelines:
        free = getattr(pipeline, "maybe_free_model_hooks", None)
        if free is not None:
            free()


@contextmanager
def on_host(loaded: LoadedModel) -> Iterator[None]:
    """Keep the networks of `loaded` on the host while the block runs, so that another process has
    the memory of their device."""
    placement, pipeline = loaded.placement, loaded.pipeline
    leave_by_themselves = placement.offload == "sequential" or is_offloaded(pipeline)
    if leave_by_themselves or placement.device_map or not has_own_memory(loaded.device):
        yield
        return
    from accelerate.utils.memory import clear_device_cache

    # Of networks that are quantised some cannot move.
    with suppress(ValueError):
        pipeline.to("cpu")
    clear_device_cache(garbage_collection=True)
    try:
        yield
    finally:
        with suppress(ValueError):
            pipeline.to(loaded.device)


def _knows_turns(pipeline: Any) -> bool:
    """Whether `pipeline` states the order in which its networks run, which offloading needs."""
    return getattr(pipeline, "model_cpu_offload_seq", None) is not None
