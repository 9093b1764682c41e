"""Measures of decodability that do not saturate where the accuracy of every slot is near 1.

They ask what a probe can do that has learned from 16 to 64 prompts, about partner values that it
has never seen, so that their cost does not grow with the suite. Formulas are in ``docs/method.md``.
"""

from t2i_audit.probes.measures.network import NetworkMeasures
from t2i_audit.probes.measures.station import StationMeasures

__all__ = ["NetworkMeasures", "StationMeasures"]
