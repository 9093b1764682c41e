"""Two runs of the same prompts side by side, on plain arrays."""

from t2i_audit.analysis.paired.correction import with_holm
from t2i_audit.analysis.paired.flips import flips_of
from t2i_audit.analysis.paired.means import paired_mean
from t2i_audit.analysis.paired.power import Noise, noise_expected, noise_found, seen_differences
from t2i_audit.analysis.paired.rates import (
    PairedImages,
    difference_in_general,
    paired_rate,
    rates_by,
)
from t2i_audit.analysis.paired.sentence import Kind, outcome_of, points, sentence_of
from t2i_audit.analysis.paired.shared import notes_on, require_comparable, same_noise

__all__ = [
    "Kind",
    "Noise",
    "PairedImages",
    "difference_in_general",
    "flips_of",
    "noise_expected",
    "noise_found",
    "notes_on",
    "outcome_of",
    "paired_mean",
    "paired_rate",
    "points",
    "rates_by",
    "require_comparable",
    "same_noise",
    "seen_differences",
    "sentence_of",
    "with_holm",
]
