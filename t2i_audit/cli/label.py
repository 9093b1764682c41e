"""The command ``t2i-audit label``."""

from __future__ import annotations

from t2i_audit.cli.parameters import with_settings
from t2i_audit.printable import counted, print_line
from t2i_audit.settings import LabelSettings


@with_settings(LabelSettings)
def label(settings: LabelSettings) -> None:
    """Write a page on which people label images of a finished audit.

    The page is one HTML file: open it in a browser, answer by keyboard, and save a table of labels
    that --judge human:FILE takes. It does not show what the judges say, and needs no server.
    """
    from t2i_audit.labelling import write_label_page

    number = write_label_page(settings)
    print_line(f"{settings.out}: {counted(number, 'image')} to label; open it in a browser")
