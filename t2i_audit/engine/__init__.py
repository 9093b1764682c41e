"""Audits whose batches are sampled and judged by Ray actors.

The driver, the process of the command, plans, encodes, probes and writes; only it needs the run
directory. An actor holds a pipeline and the judges, as a single process would, and sends what it
makes of a batch back through Ray's object store. So machines need not share a disk, and the files
are those of one process byte for byte.
"""

from t2i_audit.engine.cluster import check_engine
from t2i_audit.engine.ray_engine import ray_engine

__all__ = ["check_engine", "ray_engine"]
