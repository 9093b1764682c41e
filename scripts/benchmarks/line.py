"""One comparison of ours with another way, measured side by side."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Line:
    """One comparison."""

    what: str
    seconds: tuple[float, ...]
    """Of ours, a value a round."""
    ratios: tuple[float, ...]
    goal: str
    remark: str = ""


def timed(work: Callable[[], object]) -> float:
    """Seconds that `work` takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def over(ours: list[float], others: list[float]) -> tuple[float, ...]:
    """Ratio of each round's seconds."""
    return tuple(own / other for own, other in zip(ours, others, strict=True))
