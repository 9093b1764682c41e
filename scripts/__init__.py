"""Programs of this repository's developers: training, suites, benchmarks, faults."""

from t2i_audit.spinning import bound_spinning

# Before a program imports torch.
bound_spinning()
