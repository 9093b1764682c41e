"""One thread for linear algebra that is too small to be divided."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from threadpoolctl import ThreadpoolController

# Multiplications of a factorisation, about 20 milliseconds of one core. Below that, threads wait
# for each other longer than they work, and ruinously so on a machine that is busy.
SMALL = 2**28


@contextmanager
def fitting_threads(rows: int, width: int) -> Iterator[None]:
    """While the block runs, one thread for matrices of `rows` by `width`, if they are small.

    So that their sums do not depend on the number of cores either.
    """
    if rows * width * min(rows, width) > SMALL:
        yield
        return
    with _controller().limit(limits=1, user_api="blas"):
        yield


@cache
def _controller() -> ThreadpoolController:
    # Looking for the libraries takes milliseconds.
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()
