"""The command ``t2i-audit audit``."""

from __future__ import annotations

from typing import Annotated

import typer

from t2i_audit import settings as defaults
from t2i_audit.cli import options
from t2i_audit.progress import say
from t2i_audit.settings import (
    AuditSettings,
    ImageOptions,
    ModelOptions,
    Placement,
    default_judge,
    default_out,
)
from t2i_audit.workers import this_worker


def audit(
    model: options.Model,
    suite: options.Suite = defaults.DEFAULT_SUITE,
    seeds: Annotated[
        int, typer.Option("--seeds", metavar="N", help="Images a prompt.")
    ] = defaults.DEFAULT_SEEDS,
    judge: Annotated[
        str | None,
        typer.Option(
            "--judge",
            metavar="clip|oracle|...",
            help="clip:MODEL/TAG or clip:local-dir:PATH (any open_clip model); clip or oracle for "
            "the rendered world. [default: oracle for a built-in checkpoint, else "
            f"{defaults.DEFAULT_CLIP}]",
        ),
    ] = None,
    out: options.Out = None,
    batch_size: options.BatchSize = str(defaults.DEFAULT_BATCH_SIZE),
    steps: Annotated[
        int | None,
        typer.Option(
            "--steps", metavar="N", help="Sampling steps. [default: the checkpoint's own]"
        ),
    ] = None,
    guidance_scale: Annotated[
        float | None,
        typer.Option(
            "--guidance-scale",
            metavar="X",
            help="Classifier-free guidance. [default: the checkpoint's own]",
        ),
    ] = None,
    dtype: options.DTypeOption = "auto",
    device: options.DeviceOption = "auto",
    limit: options.Limit = None,
    denoiser_station: Annotated[
        bool,
        typer.Option(
            "--denoiser-station/--no-denoiser-station",
            help="Probe the denoiser's blocks too.",
        ),
    ] = True,
    revision: options.Revision = None,
    variant: options.Variant = None,
    local_files_only: options.LocalFilesOnly = False,
    config: options.Config = None,
    lora: options.Lora = [],  # noqa: B006, typer makes a list of its own
    embedding: options.Embedding = [],  # noqa: B006, typer makes a list of its own
    scheduler: options.Scheduler = None,
    trust_remote_code: options.TrustRemoteCode = None,
    height: Annotated[
        int | None,
        typer.Option("--height", metavar="PIXELS", help="[default: the checkpoint's own]"),
    ] = None,
    width: Annotated[
        int | None,
        typer.Option("--width", metavar="PIXELS", help="[default: the checkpoint's own]"),
    ] = None,
    negative_prompt: Annotated[
        str | None, typer.Option("--negative-prompt", metavar="TEXT", help="For every image.")
    ] = None,
    shard: Annotated[
        str | None,
        typer.Option(
            "--shard",
            metavar="I/N",
            help="Make and judge only this part of the images; see the command merge.",
        ),
    ] = None,
    offload: options.OffloadOption = "auto",
    attention_slicing: options.AttentionSlicing = False,
    vae_tiling: options.VaeTiling = False,
    device_map: options.DeviceMap = None,
    strict: Annotated[
        bool,
        typer.Option(
            "--strict",
            help="Refuse a suite of which the judge cannot judge every prompt; by default such "
            "prompts are drawn, left out of the judging and counted.",
        ),
    ] = False,
    as_json: options.AsJson = False,
) -> None:
    """Decode a suite's prompts from a checkpoint, draw and judge them, and name the culprit."""
    settings = AuditSettings(
        model=model,
        out=default_out(model, suite) if out is None else out,
        suite=suite,
        seeds=seeds,
        judge=default_judge(model) if judge is None else judge,
        batch_size=options.batch_size_of(batch_size),
        steps=steps,
        guidance_scale=guidance_scale,
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
        image_options=ImageOptions(height, width, negative_prompt),
        denoiser_station=denoiser_station,
        shard=shard,
        placement=Placement(offload, attention_slicing, vae_tiling, device_map),
        strict=strict,
    )
    from t2i_audit.audit import run_audit
    from t2i_audit.report.terminal import print_run

    path = run_audit(settings)
    worker = this_worker(shard)
    if worker.finishes:
        print_run(path, as_json=as_json)
    elif worker.speaks and shard is not None:
        say(f"shard {shard} in {path} is done; join all shards with t2i-audit merge")
