"""Recognising a shortage of memory, and what the user can do about it."""

from __future__ import annotations

from collections.abc import Callable

from t2i_audit.errors import ModelError

# Messages of shortages that accelerate does not list: the CUDA driver's own, which has no full
# stop, cuBLAS', and that of the CPU's allocator where a library quotes it in part.
SHORTAGES = ("out of memory", "CUBLAS_STATUS_ALLOC_FAILED", "can't allocate memory")


def is_out_of_memory(error: RuntimeError) -> bool:
    """Whether `error` means that the memory of a device or of the host is too small."""
    import torch
    from accelerate.utils.memory import should_reduce_batch_size

    if isinstance(error, torch.OutOfMemoryError):
        return True
    # What is not a text accelerate cannot search.
    is_text = all(isinstance(each, str) for each in error.args)
    return (is_text and should_reduce_batch_size(error)) or any(
        shortage in str(error) for shortage in SHORTAGES
    )


def out_of_memory_error(size: int) -> ModelError:
    """The sentence for the user, whose `size` prompts or images do not fit in one batch."""
    smaller = f"--batch-size {size // 2} or auto, " if size > 1 else ""
    return ModelError(
        f"memory runs short with {size} in a batch; give {smaller}--offload sequential, "
        "--attention-slicing, --vae-tiling or a smaller --dtype"
    )


def runs_short(attempt: Callable[[], object]) -> bool:
    """Run `attempt`; returns whether memory ran short."""
    try:
        attempt()
    except RuntimeError as error:
        if not is_out_of_memory(error):
            raise
    else:
        return False
    # Only here, with the exception gone, does nothing hold on to the failed pass's tensors.
    from accelerate.utils.memory import clear_device_cache

    clear_device_cache(garbage_collection=True)
    return True
