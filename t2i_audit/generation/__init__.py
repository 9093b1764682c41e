"""Images of a suite: their noise, their batches, and the sampling of a batch."""

from t2i_audit.generation.batches import Batch, BatchItem, cut_batches
from t2i_audit.generation.defaults import SamplingDefaults, sampling_defaults
from t2i_audit.generation.sampler import Sampled, sample_batch

__all__ = [
    "Batch",
    "BatchItem",
    "Sampled",
    "SamplingDefaults",
    "cut_batches",
    "sample_batch",
    "sampling_defaults",
]
