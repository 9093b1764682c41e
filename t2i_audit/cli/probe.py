"""The command ``t2i-audit probe``."""

from __future__ import annotations

from t2i_audit.cli import options
from t2i_audit.cli.parameters import with_settings
from t2i_audit.reporter import TerminalReporter
from t2i_audit.settings import ProbeSettings

# They concern the denoiser and the autoencoder, which a probe does not run.
OF_IMAGES = ("attention_slicing", "vae_tiling", "compile", "attention", "channels_last")


@with_settings(ProbeSettings, without=OF_IMAGES)
def probe(
    settings: ProbeSettings, verbose: options.Verbose = False, as_json: options.AsJson = False
) -> None:
    """Decode a suite's prompts from a checkpoint's text encoders; no images are made."""
    from t2i_audit.probing import execute_probe, plan_probe
    from t2i_audit.report.terminal import print_run

    reporter = TerminalReporter()
    print_run(
        execute_probe(plan_probe(settings, reporter), reporter), as_json=as_json, verbose=verbose
    )
