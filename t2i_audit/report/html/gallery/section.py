"""The section of a run's page that shows its images."""

from __future__ import annotations

import math

from t2i_audit.errors import AuditError
from t2i_audit.printable import counted
from t2i_audit.report.html.gallery.data import gallery_data
from t2i_audit.report.html.gallery.entries import entries_of
from t2i_audit.report.html.page import Section
from t2i_audit.reporter import SILENT, Reporter
from t2i_audit.results.run import Run

MEGABYTE = 1_000_000
# Bytes of the template, the script and the spaces between the data.
MARKUP = 48_000


def gallery_section(run: Run, *, most_bytes: int, reporter: Reporter = SILENT) -> Section:
    """The gallery of `run`, in at most `most_bytes` bytes of the page, its script included.

    Where these do not hold every image, thumbnails become smaller first; then images are left out
    by the rule in `t2i_audit.report.html.gallery.order`, and the section says how many.

    Args:
        run: a run that made images.
        most_bytes: that it may add to the page.
        reporter: receives the progress of making thumbnails.

    Raises:
        AuditError: the run made no images, or the page is too small to say anything of them.
        RunDirectoryError: a table cannot be read.
    """
    if not run.summary.n_images:
        raise AuditError(f"{run.path} is the run of a probe and made no images")
    entries = entries_of(run)
    data = gallery_data(run, entries, most_bytes - MARKUP, reporter=reporter)
    if data.n_unlisted == len(entries.images):
        raise AuditError(
            f"a page of this size cannot hold the images of {run.path}; give a larger --max-mb"
        )
    packed = data.packed
    faults = sorted(set(packed.faults.values()))
    return Section(
        "gallery",
        "Images",
        "gallery.html",
        context={
            "judge": entries.judges[0],
            "n_images": len(entries.images),
            "images": counted(len(entries.images), "image"),
            "n_left_out": packed.n_left_out,
            "n_unlisted": data.n_unlisted,
            "megabytes": math.ceil(1.1 * packed.wanted / MEGABYTE),
            "n_faults": len(packed.faults),
            "faults": ", ".join(faults),
        },
        data=data.json,
        script="gallery.js",
    )
