"""Runs ranked by success, with intervals for their ranks that hold together."""

from t2i_audit.analysis.ranking.max_t import Differences, all_differences
from t2i_audit.analysis.ranking.ranks import Ranking, rank_runs

__all__ = ["Differences", "Ranking", "all_differences", "rank_runs"]
