"""Estimates with their uncertainty."""

from t2i_audit.results.interval import Interval
from t2i_audit.stats.bootstrap import cluster_bootstrap, cluster_bootstrap_mean, cluster_weights

__all__ = ["Interval", "cluster_bootstrap", "cluster_bootstrap_mean", "cluster_weights"]
