"""The page of a leaderboard: which models are best, and is that sure?"""

from t2i_audit.report.html.board.page import board_page

__all__ = ["board_page"]
