"""The command ``t2i-audit probe``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from t2i_audit import settings as defaults
from t2i_audit.cli import options
from t2i_audit.errors import AuditError
from t2i_audit.settings import ModelOptions, Placement, ProbeSettings, default_out


def probe(
    model: Annotated[
        str | None,
        typer.Argument(
            metavar="[MODEL]",
            help="builtin:NAME, a local diffusers folder, or a hub id.",
            show_default=False,
        ),
    ] = None,
    text_encoder: Annotated[
        str | None,
        typer.Option(
            "--text-encoder",
            metavar="PATH",
            help="Instead of MODEL: folder of a transformers text model, or local-dir:PATH of an "
            "open_clip model.",
        ),
    ] = None,
    tokenizer: Annotated[
        Path | None,
        typer.Option(
            "--tokenizer",
            metavar="DIR",
            help="Of --text-encoder. [default: in its folder, or tokenizer beside text_encoder]",
        ),
    ] = None,
    suite: options.Suite = defaults.DEFAULT_SUITE,
    out: options.Out = None,
    batch_size: options.BatchSize = str(defaults.DEFAULT_BATCH_SIZE),
    dtype: options.DTypeOption = "auto",
    device: options.DeviceOption = "auto",
    limit: options.Limit = None,
    revision: options.Revision = None,
    variant: options.Variant = None,
    local_files_only: options.LocalFilesOnly = False,
    config: options.Config = None,
    lora: options.Lora = [],  # noqa: B006, typer makes a list of its own
    embedding: options.Embedding = [],  # noqa: B006, typer makes a list of its own
    scheduler: options.Scheduler = None,
    trust_remote_code: options.TrustRemoteCode = None,
    offload: options.OffloadOption = "auto",
    device_map: options.DeviceMap = None,
    as_json: options.AsJson = False,
) -> None:
    """Decode a suite's prompts from a checkpoint's text encoder; no images are made."""
    if (model is None) == (text_encoder is None):
        both = "not both" if model is not None else "neither is given"
        raise AuditError(f"give a MODEL or --text-encoder PATH; {both}")
    name = text_encoder if model is None else model
    assert name is not None
    settings = ProbeSettings(
        model=name,
        # Another folder than the audit's: the two are different runs and may stand side by side.
        out=default_out(name, suite, ending="-probe") if out is None else out,
        suite=suite,
        batch_size=options.batch_size_of(batch_size),
        dtype=dtype,
        device=device,
        limit=limit,
        model_options=ModelOptions(
            revision=revision,
            variant=variant,
            local_files_only=local_files_only,
            config=config,
            lora=tuple(lora),
            embedding=tuple(embedding),
            scheduler=scheduler,
            trust_remote_code=trust_remote_code,
        ),
        placement=Placement(offload, device_map=device_map),
        encoder_alone=text_encoder is not None,
        tokenizer=tokenizer,
    )
    from t2i_audit.audit import run_probe
    from t2i_audit.report.terminal import print_run

    print_run(run_probe(settings), as_json=as_json)
