"""Places side by side: in order, and no further ahead than they are worked on."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from t2i_audit.probes.threads import side_by_side


def blas_threads() -> set[int]:
    return {each["num_threads"] for each in threadpool_info() if each["user_api"] == "blas"}


@pytest.mark.parametrize("threads", [1, 2])
def test_results_come_in_the_order_of_the_items_each_on_one_thread_of_algebra(
    threads: int,
) -> None:
    later = threading.Event()

    def work(item: int) -> tuple[int, set[int]]:
        if threads == 2 and item == 0:
            assert later.wait(60)  # the first ends after the second has begun
        if item == 1:
            later.set()
        return item, blas_threads()

    with threadpool_limits(threads, user_api="blas"):
        results = list(side_by_side(work, range(5)))
        assert blas_threads() == {threads}

    assert results == [(item, {1}) for item in range(5)]


def test_items_are_not_taken_long_before_they_are_worked_on() -> None:
    taken = 0

    def items() -> Iterator[int]:
        nonlocal taken
        for item in range(100):
            taken += 1
            yield item

    with threadpool_limits(2, user_api="blas"):
        results = side_by_side(lambda item: item, items())
        assert next(results) == 0
        assert taken <= 4
        results.close()  # type: ignore[attr-defined]


def test_what_fails_at_a_place_is_raised() -> None:
    def work(item: int) -> int:
        if item == 2:
            raise ValueError("the third")
        return item

    with threadpool_limits(2, user_api="blas"), pytest.raises(ValueError, match="the third"):
        list(side_by_side(work, range(10)))
