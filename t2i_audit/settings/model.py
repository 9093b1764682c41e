"""Settings of a checkpoint: how it is loaded and changed, and where its networks are placed."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from t2i_audit.errors import AuditError
from t2i_audit.settings.option import Option, check_options, option_name

DType = Literal["auto", "float32", "float16", "bfloat16"]
Device = Literal["auto", "cpu", "cuda", "mps"]
Offload = Literal["auto", "none", "model", "sequential"]

Quantization = Literal["nf4", "int8", "fp8"]

SAFE, GGUF = ".safetensors", ".gguf"

# Options that several settings types share.
DTypeOption = Annotated[
    DType,
    Option("--dtype", "Number format in which the checkpoint runs.", group="Model"),
]
DeviceOption = Annotated[
    Device, Option("--device", "Device on which the checkpoint runs.", group="Model")
]
TrustRemoteCode = Annotated[
    str | None,
    Option(
        "--trust-remote-code",
        "Run the Python code that comes with this MODEL. [default: never]",
        group="Model",
        metavar="MODEL",
    ),
]


@dataclass(frozen=True)
class Placement:
    """Where a pipeline's networks are placed, what saves memory and what makes them faster.

    Raises:
        AuditError: a value is unknown, or two exclude each other.
    """

    offload: Annotated[
        Offload,
        Option(
            "--offload",
            "Move networks (model) or layers (sequential) to the host's memory while they are "
            "idle; auto moves networks as soon as memory runs short otherwise.",
            group="Memory",
        ),
    ] = "auto"
    """``model``: each network is on the device only while it runs; ``sequential``: each layer;
    ``auto``: as ``model``, but only once not even one image fits otherwise."""
    attention_slicing: Annotated[
        bool,
        Option(
            "--attention-slicing",
            "Compute attention in several smaller steps, to save memory.",
            group="Memory",
        ),
    ] = False
    vae_tiling: Annotated[
        bool,
        Option("--vae-tiling", "Decode images tile by tile, to save memory.", group="Memory"),
    ] = False
    """Large images may differ a little where tiles meet."""
    device_map: Annotated[
        str | None,
        Option(
            "--device-map",
            "Spread the networks over several devices, e.g. balanced.",
            group="Memory",
            metavar="MAP",
        ),
    ] = None
    """As diffusers' ``device_map`` takes it."""
    compile: Annotated[
        bool,
        Option(
            "--compile",
            "Compile the repeated blocks of the denoiser: a minute at first, faster steps after.",
            group="Speed",
        ),
    ] = False
    """Recorded steps run uncompiled."""
    attention: Annotated[
        str | None,
        Option(
            "--attention",
            "How the denoiser computes attention, by diffusers' name for it: native, flash, sage, "
            "xformers, ... [default: diffusers' own]",
            group="Speed",
            metavar="NAME",
            not_empty=True,
        ),
    ] = None
    channels_last: Annotated[
        bool,
        Option(
            "--channels-last",
            "Lay the weights of a UNet out with the channels last, which convolutions prefer.",
            group="Speed",
        ),
    ] = False

    def __post_init__(self) -> None:
        check_options(self)
        if self.compile and self.offload == "sequential":
            names = (option_name(Placement, each) for each in ("compile", "offload"))
            raise AuditError(f"{' and '.join(names)} sequential exclude each other; give one")
        if self.device_map is not None and self.offload in ("model", "sequential"):
            names = (option_name(Placement, each) for each in ("device_map", "offload"))
            raise AuditError(f"{' and '.join(names)} exclude each other; give one of them")

    def rounding(self) -> dict[str, object]:
        """What of it changes results by rounding, keyed by name; empty by default.

        Offloading does not: the same operations run in the same order.
        """
        changes = {
            "attention_slicing": self.attention_slicing,
            "vae_tiling": self.vae_tiling,
            "device_map": self.device_map,
            "compile": self.compile,
            "attention": self.attention,
            "channels_last": self.channels_last,
        }
        return {name: value for name, value in changes.items() if value}


@dataclass(frozen=True)
class ModelOptions:
    """How a checkpoint is fetched, and how it is changed before it runs.

    Raises:
        AuditError: the weight of a LoRA is not a number.
    """

    revision: Annotated[
        str | None,
        Option(
            "--revision",
            "Branch, tag or commit of a model on the hub.",
            group="Model",
            metavar="REV",
        ),
    ] = None
    """The commit it stands for is recorded."""
    variant: Annotated[
        str | None,
        Option(
            "--variant", "Variant of the weight files, e.g. fp16.", group="Model", metavar="NAME"
        ),
    ] = None
    local_files_only: Annotated[
        bool,
        Option(
            "--local-files-only",
            "Take a model of the hub from the local cache and never download it.",
            group="Model",
        ),
    ] = False
    config: Annotated[
        Path | None,
        Option(
            "--config",
            "Folder of a pipeline with the same architecture; needed if MODEL is a single "
            ".safetensors or .gguf file.",
            group="Model",
            metavar="DIR",
        ),
    ] = None
    quantize: Annotated[
        Quantization | None,
        Option(
            "--quantize",
            "Keep the linear layers of the denoiser and of the text encoders in 4 (nf4) or 8 bits "
            "(int8, fp8), to save memory.",
            group="Model",
        ),
    ] = None
    lora: Annotated[
        tuple[str, ...],
        Option(
            "--lora",
            "LoRA to add, with a weight of 1 by default; may be repeated.",
            group="Model",
            metavar="PATH[:WEIGHT]",
        ),
    ] = ()
    """``PATH`` or ``PATH:WEIGHT`` of each."""
    embedding: Annotated[
        tuple[str, ...],
        Option(
            "--embedding",
            "Textual inversion to add, in safetensors format; may be repeated. TOKEN is the word "
            "that stands for it in prompts. [default: the token in the file, or else its name]",
            group="Model",
            metavar="FILE[:TOKEN]",
        ),
    ] = ()
    """``FILE`` or ``FILE:TOKEN`` of each textual inversion."""
    scheduler: Annotated[
        str | None,
        Option(
            "--scheduler",
            "Scheduler class of diffusers. [default: the checkpoint's own]",
            group="Model",
            metavar="CLASS",
        ),
    ] = None
    trust_remote_code: TrustRemoteCode = None
    """The one model whose own code may run."""

    def __post_init__(self) -> None:
        check_options(self)
        self.loras()

    def loras(self) -> tuple[tuple[str, float], ...]:
        """File and weight of each LoRA."""
        pairs = []
        for each in self.lora:
            path, colon, weight = each.rpartition(":")
            if not colon or "/" in weight or "\\" in weight:
                path, weight = each, "1"
            try:
                pairs.append((path, float(weight)))
                if not math.isfinite(pairs[-1][1]):
                    raise ValueError(weight)
            except ValueError as error:
                raise AuditError(
                    f"{option_name(ModelOptions, 'lora')} should be PATH or PATH:WEIGHT with a "
                    f"finite number for WEIGHT, not {each!r}"
                ) from error
        return tuple(pairs)

    def embeddings(self) -> tuple[tuple[str, str | None], ...]:
        """File of each textual inversion, and its token; None for the token in the file."""
        pairs = []
        for each in self.embedding:
            path, found, token = each.partition(f"{SAFE}:")
            pairs.append((f"{path}{SAFE}", token) if found else (each, None))
        return tuple(pairs)
