"""The page of a comparison: is the candidate better than its base, and where not?"""

from t2i_audit.report.html.comparison.page import comparison_page

__all__ = ["comparison_page"]
