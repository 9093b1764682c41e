"""From judged images and decodability to rates, associations and causes, all on plain arrays."""

from t2i_audit.analysis.association import (
    Association,
    associate,
    mean_decodability,
    weakest_slot,
)
from t2i_audit.analysis.attribution import (
    Attribution,
    AttributionShares,
    DecodedSlot,
    attribute,
    attribution_shares,
    culprit,
)
from t2i_audit.analysis.leaderboard import Leaderboard, leaderboard
from t2i_audit.analysis.repeatability import Repeatability, repeatability
from t2i_audit.analysis.success import SuccessRates, success_rates
from t2i_audit.analysis.summary import (
    RunSummary,
    SlotDecoding,
    StationSummary,
    standing_notes,
    to_json_dict,
)

__all__ = [
    "Association",
    "Attribution",
    "AttributionShares",
    "DecodedSlot",
    "Leaderboard",
    "Repeatability",
    "RunSummary",
    "SlotDecoding",
    "StationSummary",
    "SuccessRates",
    "associate",
    "attribute",
    "attribution_shares",
    "culprit",
    "leaderboard",
    "mean_decodability",
    "repeatability",
    "standing_notes",
    "success_rates",
    "to_json_dict",
    "weakest_slot",
]
