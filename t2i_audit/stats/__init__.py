"""Estimates with their uncertainty."""

from t2i_audit.results.interval import Interval
from t2i_audit.stats.beta_binomial import BetaBinomial, fit_beta_binomial, icc_interval
from t2i_audit.stats.bootstrap import cluster_bootstrap, cluster_bootstrap_mean, cluster_weights
from t2i_audit.stats.correlations import pearson_interval, reliability, spearman_interval
from t2i_audit.stats.jackknife import (
    Groups,
    Jackknife,
    clusters_of,
    jackknife,
    jackknife_interval,
    over_pairs,
    pairs_of,
    smaller_side,
)
from t2i_audit.stats.pair_shares import PairShare, share_over_pairs
from t2i_audit.stats.proportions import share_interval
from t2i_audit.stats.shares import clustered_share, difference

__all__ = [
    "BetaBinomial",
    "Groups",
    "Interval",
    "Jackknife",
    "PairShare",
    "cluster_bootstrap",
    "cluster_bootstrap_mean",
    "cluster_weights",
    "clustered_share",
    "clusters_of",
    "difference",
    "fit_beta_binomial",
    "icc_interval",
    "jackknife",
    "jackknife_interval",
    "over_pairs",
    "pairs_of",
    "pearson_interval",
    "reliability",
    "share_interval",
    "share_over_pairs",
    "smaller_side",
    "spearman_interval",
]
