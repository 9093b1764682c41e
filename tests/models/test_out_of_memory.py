"""A shortage of memory is recognised by what each backend says of it."""

from __future__ import annotations

import pytest
import torch

from t2i_audit.models.out_of_memory import is_out_of_memory, runs_short

SHORTAGES = {
    "CUDA": "CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of 8 GiB",
    "CUDA driver": "CUDA error: out of memory\nCUDA kernel errors might be reported later",
    "cuBLAS": "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`",
    "cuDNN": "cuDNN error: CUDNN_STATUS_NOT_SUPPORTED. This error may appear if the input is large",
    "HIP": "HIP out of memory. Tried to allocate 256.00 MiB (GPU 0; 16.00 GiB total capacity)",
    "XPU": "XPU out of memory. Tried to allocate 1.00 GiB",
    "MPS": "MPS backend out of memory (MPS allocated: 17.98 GB, other allocations: 3.20 GB)",
    "CPU": "[enforce fail at alloc_cpu.cpp:127] err == 0. DefaultCPUAllocator: can't allocate "
    "memory: you tried to allocate 4000000000000 bytes. Error code 12 (Cannot allocate memory)",
}


@pytest.mark.parametrize("message", SHORTAGES.values(), ids=SHORTAGES)
def test_each_backends_message_is_recognised(message: str) -> None:
    assert is_out_of_memory(RuntimeError(message))


def test_torchs_own_class_is_recognised_whatever_it_says() -> None:
    assert is_out_of_memory(torch.OutOfMemoryError("the allocator gave up"))


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("mat1 and mat2 shapes cannot be multiplied (2x3 and 4x5)"),
        RuntimeError("CUDA error: device-side assert triggered"),
        RuntimeError(7),
        RuntimeError("The size of tensor a must match", "the size of tensor b"),
        RuntimeError(),
        NotImplementedError("out of scope"),
    ],
)
def test_other_errors_are_not(error: RuntimeError) -> None:
    assert not is_out_of_memory(error)


def test_the_host_itself_says_what_is_recognised() -> None:
    assert runs_short(lambda: torch.empty(2**50, dtype=torch.uint8))


def test_another_error_of_the_attempt_is_raised() -> None:
    with pytest.raises(RuntimeError, match="shapes"):
        runs_short(lambda: torch.zeros(2, 3) @ torch.zeros(2, 3))
    assert not runs_short(lambda: torch.zeros(2, 3))
