"""What a denoiser draws when a part of what it is given, or holds, is taken away or exchanged."""

from t2i_audit.interventions.intervention import Intervention
from t2i_audit.interventions.text import TextInterventions

__all__ = ["Intervention", "TextInterventions"]
