"""The gallery of a run's page: its images with their verdicts."""

from t2i_audit.report.html.gallery.section import gallery_section

__all__ = ["gallery_section"]
