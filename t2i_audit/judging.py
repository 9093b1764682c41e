"""Images judged: those of a finished run again, or images made elsewhere."""

from __future__ import annotations

from t2i_audit.errors import AuditError
from t2i_audit.judging_images import IMAGES, execute_images, plan_images
from t2i_audit.reporter import SILENT, Reporter
from t2i_audit.results.run import Run
from t2i_audit.run.directory import MANIFEST, read_manifest
from t2i_audit.settings import ImagesOptions, JudgeSettings


def judge(settings: JudgeSettings, reporter: Reporter = SILENT) -> Run:
    """Judge the images that `settings` name; returns the finished run.

    A folder with the manifest of a run is a run, any other folder or file holds images.

    Args:
        settings: the images, the judge, and the new run directory.
        reporter: receives notes and progress.

    Raises:
        AuditError: the images cannot be judged, in one sentence with the reason and the remedy.
    """
    options = settings.images
    is_run = options.layout is None and (settings.run / MANIFEST).is_file()
    if not is_run:
        return execute_images(plan_images(settings, reporter), reporter)
    if options != ImagesOptions():
        raise AuditError(
            f"{settings.run} is a run, which has its own prompts and settings; leave out all "
            "options but --judge, --out, --strict and --trust-remote-code, or give --layout if it "
            "is a folder of images"
        )
    if read_manifest(settings.run).settings.get("command") == IMAGES:
        return execute_images(plan_images(settings, reporter), reporter)
    from t2i_audit.audit import execute
    from t2i_audit.judging_again import plan_judge

    run = execute(plan_judge(settings, reporter), reporter)
    assert run is not None  # one worker does it all
    return run
