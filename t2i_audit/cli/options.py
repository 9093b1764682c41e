"""Arguments and options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from t2i_audit.settings import Device, DType

Model = Annotated[
    str,
    typer.Argument(
        metavar="MODEL",
        help="builtin:NAME, a local diffusers folder, or a hub id.",
        show_default=False,
    ),
]
Suite = Annotated[
    str,
    typer.Option("--suite", metavar="NAME|FILE", help="Prompts: a suite's name or a .jsonl file."),
]
Out = Annotated[
    Path | None,
    typer.Option(
        "--out",
        metavar="DIR",
        help="Run directory; an interrupted run in it goes on. [default: under runs/]",
    ),
]
BatchSize = Annotated[
    int, typer.Option("--batch-size", metavar="N", help="Prompts or images a forward pass.")
]
DTypeOption = Annotated[
    DType, typer.Option("--dtype", help="Number format of the checkpoint while it runs.")
]
DeviceOption = Annotated[Device, typer.Option("--device", help="Where the checkpoint runs.")]
Limit = Annotated[
    int | None,
    typer.Option("--limit", metavar="N", help="Only the suite's first N prompts."),
]
Revision = Annotated[
    str | None,
    typer.Option("--revision", metavar="REV", help="Branch, tag or commit of a hub id."),
]
Variant = Annotated[
    str | None,
    typer.Option("--variant", metavar="NAME", help="Variant of the weights' files, e.g. fp16."),
]
LocalFilesOnly = Annotated[
    bool, typer.Option("--local-files-only", help="Take a hub id from the local cache alone.")
]
Config = Annotated[
    Path | None,
    typer.Option(
        "--config",
        metavar="DIR",
        help="For a MODEL in one .safetensors file: a pipeline folder of its architecture.",
    ),
]
Lora = Annotated[
    list[str],
    typer.Option("--lora", metavar="PATH[:WEIGHT]", help="LoRA to add; may be repeated."),
]
Scheduler = Annotated[
    str | None,
    typer.Option(
        "--scheduler", metavar="CLASS", help="Of diffusers. [default: the checkpoint's own]"
    ),
]
TrustRemoteCode = Annotated[
    str | None,
    typer.Option(
        "--trust-remote-code",
        metavar="MODEL",
        help="Run the code that comes with this very MODEL. [default: never]",
    ),
]
AsJson = Annotated[
    bool, typer.Option("--json", help="Print the result as JSON instead of a table.")
]
