"""A number with its uncertainty."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Interval:
    """A point estimate with a two-sided confidence interval; undefined values are NaN."""

    estimate: float
    """Value on the full sample; NaN when `n` is 0."""
    lower: float
    upper: float
    n: int
    """Number of items it rests on, before grouping into clusters."""

    def to_dict(self) -> dict[str, float | int]:
        """The four fields by name."""
        return asdict(self)


def undefined(n: int = 0) -> Interval:
    """An estimate that the data do not allow."""
    return Interval(math.nan, math.nan, math.nan, n)
