"""Linear probes: what can be decoded, where, and whether the controls do as well."""

from t2i_audit.probes.decoded import SlotDecodability, SlotProbe, StationProbes
from t2i_audit.probes.features import FeatureBlock
from t2i_audit.probes.station import probe_station

__all__ = ["FeatureBlock", "SlotDecodability", "SlotProbe", "StationProbes", "probe_station"]
