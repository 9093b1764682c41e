"""The results of a run as types; they are written and read back in this package alone."""

from t2i_audit.results.interval import Interval, undefined
from t2i_audit.results.place import Place, Position
from t2i_audit.results.summary import (
    Association,
    AttributionShares,
    Repeatability,
    RunSummary,
    SlotDecoding,
    SlotEstimates,
    StationSummary,
    SuccessRates,
)

__all__ = [
    "Association",
    "AttributionShares",
    "Interval",
    "Place",
    "Position",
    "Repeatability",
    "RunSummary",
    "SlotDecoding",
    "SlotEstimates",
    "StationSummary",
    "SuccessRates",
    "undefined",
]
