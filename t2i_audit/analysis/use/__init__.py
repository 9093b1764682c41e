"""From images drawn under interventions to what a denoiser uses, and who is to blame."""

from t2i_audit.analysis.use.estimates import estimate_use
from t2i_audit.analysis.use.found import use_of
from t2i_audit.analysis.use.size import half_width

__all__ = ["estimate_use", "half_width", "use_of"]
