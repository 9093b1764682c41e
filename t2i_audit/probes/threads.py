"""Places side by side, each on one thread.

Most fits are too small to be divided: threads of linear algebra wait for each other longer than
they work, and ruinously so on a machine that is busy. On one thread each, sums do not depend on the
number of cores either.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from threadpoolctl import ThreadpoolController

Item = TypeVar("Item")
Result = TypeVar("Result")

# A place of a large checkpoint takes up to half a gigabyte while it is read.
MOST_AT_ONCE = 16


def side_by_side(work: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
    """`work` of each of `items`, in their order.

    As many at once as linear algebra may use threads (``OMP_NUM_THREADS``, or the cores). `items`
    are taken in the caller's thread, no more of them than are being worked on.
    """
    libraries = _controller()
    own = [each["num_threads"] for each in libraries.info() if each["user_api"] == "blas"]
    threads = min(MOST_AT_ONCE, max(own, default=os.cpu_count() or 1))
    with libraries.limit(limits=1, user_api="blas"):
        if threads == 1:
            yield from map(work, items)
            return
        with ThreadPoolExecutor(threads) as pool:
            pending: deque[Future[Result]] = deque()
            for item in items:
                pending.append(pool.submit(work, item))
                if len(pending) > threads:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()


@cache
def _controller() -> ThreadpoolController:
    # Looking for the libraries takes milliseconds.
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()
