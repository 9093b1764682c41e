"""Arguments and options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from t2i_audit.errors import AuditError
from t2i_audit.settings import Device, DType, Offload

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


def batch_size_of(text: str) -> int | None:
    """The number that ``--batch-size`` names; None for ``auto``."""
    if text == "auto":
        return None
    if not text.lstrip("-").isdecimal():
        raise AuditError(f"--batch-size should be a whole number or auto, not {text!r}")
    return int(text)


BatchSize = Annotated[
    str,
    typer.Option(
        "--batch-size",
        metavar="N|auto",
        help="Prompts or images a forward pass; auto takes the largest that fits into memory.",
    ),
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
Embedding = Annotated[
    list[str],
    typer.Option(
        "--embedding",
        metavar="FILE[:TOKEN]",
        help="Textual inversion to add, in safetensors format; may be repeated. TOKEN is what "
        "prompts call it. [default: the file's own token, else its name]",
    ),
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
OffloadOption = Annotated[
    Offload,
    typer.Option(
        "--offload",
        help="Keep networks (model) or layers off the device while idle; auto: networks, once "
        "nothing fits otherwise.",
    ),
]
AttentionSlicing = Annotated[
    bool, typer.Option("--attention-slicing", help="Attention in smaller steps, to save memory.")
]
VaeTiling = Annotated[
    bool, typer.Option("--vae-tiling", help="Decode images tile by tile, to save memory.")
]
DeviceMap = Annotated[
    str | None,
    typer.Option("--device-map", metavar="MAP", help="Spread networks over devices: balanced."),
]
