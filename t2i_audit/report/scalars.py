"""The figures of a run as plain numbers, by names that do not change: for trackers of trainings."""

from __future__ import annotations

import math
from collections.abc import Iterator

from t2i_audit.results.interval import Interval
from t2i_audit.results.summary import RunSummary

PREFIX = "t2i_audit"


def scalars_of(summary: RunSummary) -> dict[str, float]:
    """The estimates of a run and the ends of their intervals; what is undefined is left out.

    An estimate is called for example ``t2i_audit/success/slot/relation``, and the ends of its
    interval ``t2i_audit/success/slot/relation/lower`` and ``.../upper``. ``t2i_audit/images`` is
    the number of images that were judged.
    """
    values = {f"{PREFIX}/images": float(summary.n_images - summary.n_excluded)}
    for name, interval in _intervals(summary):
        own = {"": interval.estimate, "/lower": interval.lower, "/upper": interval.upper}
        values |= {
            f"{PREFIX}/{name}{end}": each for end, each in own.items() if not math.isnan(each)
        }
    return values


def _intervals(summary: RunSummary) -> Iterator[tuple[str, Interval]]:
    success = summary.success
    if success is not None:
        yield "success", success.overall
        yield from ((f"success/slot/{name}", each) for name, each in success.by_slot.items())
        yield from ((f"success/split/{name}", each) for name, each in success.by_split.items())
        yield from ((f"success/type/{name}", each) for name, each in success.by_type.items())
    for name, station in summary.stations.items():
        yield f"decodability/{name}", station.decodability
    if summary.attribution is not None:
        for cause, each in summary.attribution.causes.items():
            yield f"cause/{cause.replace(' ', '_')}", each
