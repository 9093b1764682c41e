"""Memory that runs short: how it is told from other faults."""

from __future__ import annotations

import gc
from collections.abc import Callable

from t2i_audit.errors import ModelError

# What torch says where it has no class of its own for it: on the CPU, MPS and in cuBLAS.
SHORTAGES = ("can't allocate memory", "out of memory", "CUBLAS_STATUS_ALLOC_FAILED")


def is_out_of_memory(error: RuntimeError) -> bool:
    """Whether `error` is a device's or the host's memory running short."""
    import torch

    return isinstance(error, torch.OutOfMemoryError) or any(
        shortage in str(error) for shortage in SHORTAGES
    )


def out_of_memory_error(size: int) -> ModelError:
    """The sentence for the user, of whom `size` prompts or images do not fit at once."""
    smaller = f"--batch-size {size // 2} or auto, " if size > 1 else ""
    return ModelError(
        f"memory runs short with {size} in a batch; give {smaller}--offload sequential, "
        "--attention-slicing, --vae-tiling or a smaller --dtype"
    )


def runs_short(attempt: Callable[[], object]) -> bool:
    """Run `attempt`; whether memory ran short."""
    try:
        attempt()
    except RuntimeError as error:
        if not is_out_of_memory(error):
            raise
    else:
        return False
    # Only here, with the exception gone, does nothing hold on to the failed pass's tensors.
    import torch

    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    return True
