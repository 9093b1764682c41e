"""From judged images and decodability to rates, associations and causes, all on plain arrays."""

from t2i_audit.analysis.association import associate, mean_decodability, weakest_slot
from t2i_audit.analysis.attribution import Attribution, attribute
from t2i_audit.analysis.attribution_shares import attribution_shares
from t2i_audit.analysis.culprit import culprit
from t2i_audit.analysis.leaderboard import leaderboard
from t2i_audit.analysis.lost import DecodedSlot
from t2i_audit.analysis.notes import standing_notes
from t2i_audit.analysis.repeatability import repeatability
from t2i_audit.analysis.success import success_rates

__all__ = [
    "Attribution",
    "DecodedSlot",
    "associate",
    "attribute",
    "attribution_shares",
    "culprit",
    "leaderboard",
    "mean_decodability",
    "repeatability",
    "standing_notes",
    "success_rates",
    "weakest_slot",
]
