"""The command ``t2i-audit doctor``."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from t2i_audit.cli import options
from t2i_audit.printable import print_line
from t2i_audit.settings import ModelOptions, PictureOptions, Placement

REFUSED = 2


def doctor(
    model: options.Model,
    dtype: options.DTypeOption = "auto",
    device: options.DeviceOption = "auto",
    steps: Annotated[
        int | None,
        typer.Option(
            "--steps", metavar="N", help="Sampling steps. [default: the checkpoint's own]"
        ),
    ] = None,
    height: Annotated[
        int | None,
        typer.Option("--height", metavar="PIXELS", help="[default: the checkpoint's own]"),
    ] = None,
    width: Annotated[
        int | None,
        typer.Option("--width", metavar="PIXELS", help="[default: the checkpoint's own]"),
    ] = None,
    revision: options.Revision = None,
    variant: options.Variant = None,
    local_files_only: options.LocalFilesOnly = False,
    config: options.Config = None,
    lora: options.Lora = [],  # noqa: B006, typer makes a list of its own
    embedding: options.Embedding = [],  # noqa: B006, typer makes a list of its own
    scheduler: options.Scheduler = None,
    trust_remote_code: options.TrustRemoteCode = None,
    offload: options.OffloadOption = "auto",
    attention_slicing: options.AttentionSlicing = False,
    vae_tiling: options.VaeTiling = False,
    device_map: options.DeviceMap = None,
    as_json: options.AsJson = False,
) -> None:
    """Show what an audit would read of a checkpoint, found with one or two images.

    Exits with 2 if an audit would be refused.
    """
    options_of_images = PictureOptions(height, width)
    from t2i_audit.doctor import examine
    from t2i_audit.io import dump_json
    from t2i_audit.report.doctor import print_examination

    found = examine(
        model,
        dtype=dtype,
        device=device,
        steps=steps,
        options=options_of_images,
        placement=Placement(offload, attention_slicing, vae_tiling, device_map),
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
    )
    if as_json:
        sys.stdout.write(dump_json(found))
    else:
        print_examination(found)
    if found.problem is not None:
        print_line(f"t2i-audit: {' '.join(found.problem.split())}", to=sys.stderr)
        raise typer.Exit(REFUSED)
