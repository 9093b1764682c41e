"""The command ``t2i-audit judge``."""

from __future__ import annotations

from t2i_audit.cli import options
from t2i_audit.cli.parameters import with_settings
from t2i_audit.reporter import TerminalReporter
from t2i_audit.settings import JudgeSettings


@with_settings(JudgeSettings)
def judge(
    settings: JudgeSettings, verbose: options.Verbose = False, as_json: options.AsJson = False
) -> None:
    """Judge images: those of a finished run with another judge, or images made elsewhere.

    The images are copied into a run directory of their own, where all tables are made; no images
    are made. Of a finished run, what was recorded of the denoiser is copied too.

    \b
    Layouts of images made elsewhere:
    geneval     00000/metadata.jsonl and 00000/samples/00000.png
    compbench   samples/PROMPT_000000.png
    table       a CSV or JSON Lines file of file_name, prompt or prompt_id, seed
    webdataset  KEY.png and KEY.json in .tar files
    dataset     Parquet files with a column of images, or a saved dataset
    """
    from t2i_audit.judging import judge as judge_images
    from t2i_audit.report.terminal import print_run

    run = judge_images(settings, TerminalReporter())
    print_run(run, as_json=as_json, verbose=verbose)
