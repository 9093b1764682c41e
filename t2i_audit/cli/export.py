"""The command ``t2i-audit export``."""

from __future__ import annotations

import sys

from t2i_audit.cli.parameters import with_settings
from t2i_audit.printable import counted, print_line
from t2i_audit.reporter import TerminalReporter
from t2i_audit.settings import ExportSettings
from t2i_audit.settings.export import STREAM


@with_settings(ExportSettings)
def export(settings: ExportSettings) -> None:
    """Write a finished run in the format of another tool.

    Images are copied, and a folder must be new. The run itself is not changed.

    \b
    Formats:
    datasets     images and verdicts as Parquet, for datasets.load_dataset and the hub
    geneval      GenEval's layout: 00000/metadata.jsonl, 00000/samples/0000.png, results.jsonl
    csv          a table with a row for each image
    model-index  success and decodability as YAML for a model card
    """
    from t2i_audit.exporting import export as export_run
    from t2i_audit.exporting import export_text
    from t2i_audit.results.run import load_run

    if settings.out == STREAM:
        text, _ = export_text(load_run(settings.run), settings)
        sys.stdout.write(text)
        sys.stdout.flush()
        return
    reporter = TerminalReporter()
    done = export_run(settings, reporter)
    for note in done.notes:
        reporter.note(note)
    what = counted(done.figures, "figure") if done.figures else counted(done.images, "image")
    print_line(f"{done.path}: {what} written")
