"""Holm's correction of a family of differences."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping
from dataclasses import replace
from typing import TypeVar

from t2i_audit.results.comparison import PairedRate

Key = TypeVar("Key", bound=Hashable)


def with_holm(rates: Mapping[Key, PairedRate]) -> dict[Key, PairedRate]:
    """`rates` with p-values that hold for all of them at once (Holm 1979, Scandinavian Journal of
    Statistics 6, p. 65); one without a p-value does not count."""
    from statsmodels.stats.multitest import multipletests

    tested = [key for key, rate in rates.items() if not math.isnan(rate.p_value)]
    if not tested:
        return dict(rates)
    corrected = multipletests([rates[key].p_value for key in tested], method="holm")[1]
    holm = dict(zip(tested, corrected, strict=True))
    return {
        key: replace(rate, p_holm=float(holm.get(key, math.nan))) for key, rate in rates.items()
    }
