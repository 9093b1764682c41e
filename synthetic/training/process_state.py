"""Settings of numerical libraries that hold for the whole process, changed only within a block."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from t2i_audit.environment import environment

# Relative error of a float32 product is below 1e-6, of one in bfloat16 above 1e-3.
_EXACT = 1e-5
_THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


@contextmanager
def limited_threads(threads: int) -> Iterator[None]:
    """Let every numerical library use `threads` threads within the block."""
    from threadpoolctl import threadpool_limits

    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        with threadpool_limits(threads):
            yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def thread_variables(threads: int) -> Iterator[None]:
    """Let processes that start within the block use `threads` threads.

    Numerical libraries read these environment variables when they are first imported.
    """
    with environment(dict.fromkeys(_THREAD_VARIABLES, str(threads))):
        yield


@contextmanager
def tf32_products(allowed: bool) -> Iterator[None]:
    """Allow or forbid TF32 in the GPU's matrix products within the block."""
    before = torch.backends.cuda.matmul.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = allowed
    try:
        yield
    finally:
        torch.backends.cuda.matmul.allow_tf32 = before


@contextmanager
def onednn_products() -> Iterator[None]:
    """Let oneDNN multiply float32 matrices on the CPU within the block, if it does so in float32.

    torch takes MKL, which leaves AVX-512 unused on processors that are not Intel's: half the speed.
    oneDNN uses it, but torch turns to oneDNN only where it is permitted to round to bfloat16, and
    on most processors oneDNN makes no use of that permission. So it is given, and withdrawn where a
    product turns out to be rounded.
    """
    # The module adds this attribute to itself when it is imported.
    products: Any = getattr(torch.backends.mkldnn, "matmul")  # noqa: B009
    before = products.fp32_precision
    products.fp32_precision = "bf16"
    if not _float32_products_are_exact():
        products.fp32_precision = before
    try:
        yield
    finally:
        products.fp32_precision = before


def _float32_products_are_exact() -> bool:
    generator = torch.Generator().manual_seed(0)
    one, other = torch.rand(2, 2, 128, 128, generator=generator)
    exact = torch.bmm(one.double(), other.double())
    return bool(((torch.bmm(one, other) - exact).abs() <= _EXACT * exact).all())
