"""The results of a run as types; they are written and read back in this package alone."""

from t2i_audit.results.association import Association
from t2i_audit.results.attribution import AttributionShares
from t2i_audit.results.decoding import SlotDecoding, SlotEstimates, StationSummary
from t2i_audit.results.interval import Interval, undefined
from t2i_audit.results.place import Place, Position
from t2i_audit.results.success import PairRates, Repeatability, SuccessRates
from t2i_audit.results.summary import RunSummary

__all__ = [
    "Association",
    "AttributionShares",
    "Interval",
    "PairRates",
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
