"""An estimate with its uncertainty, and the one rule of how JSON holds an undefined number."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BeforeValidator


def _nan_for_null(value: Any) -> Any:
    return math.nan if value is None else value


Number = Annotated[float, BeforeValidator(_nan_for_null)]
"""A number of a result. NaN means undefined; `t2i_audit.io.to_json` writes NaN as ``null``, which
JSON has in its place, and reading makes it NaN again."""


@dataclass(frozen=True)
class Interval:
    """A point estimate with a two-sided confidence interval; undefined values are NaN.

    >>> import t2i_audit as t2i
    >>> rate = t2i.Interval(estimate=0.25, lower=0.14, upper=0.38, n=40)
    >>> f"{rate}, defined: {rate.is_defined}"
    '0.25 [0.14, 0.38], defined: True'
    """

    estimate: Number
    """Value on the full sample; NaN when `n` is 0."""
    lower: Number
    upper: Number
    n: int
    """Number of items that the estimate rests on, before they are grouped into clusters."""

    @property
    def is_defined(self) -> bool:
        """Whether the data allowed an estimate."""
        return not math.isnan(self.estimate)

    def __str__(self) -> str:
        """``0.71 [0.65, 0.77]``; without ends that are undefined, or ``undefined``."""
        if not self.is_defined:
            return "undefined"
        if math.isnan(self.lower) or math.isnan(self.upper):
            return f"{self.estimate:.2f}"
        return f"{self.estimate:.2f} [{self.lower:.2f}, {self.upper:.2f}]"


def undefined(n: int = 0) -> Interval:
    """An estimate that the data do not allow."""
    return Interval(math.nan, math.nan, math.nan, n)
