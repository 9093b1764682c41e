"""What the user asked for: the settings of an audit and of a probe, checked before work starts."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, get_args

from t2i_audit.errors import AuditError
from t2i_audit.workers import parse_shard

DType = Literal["auto", "float32", "float16", "bfloat16"]
Device = Literal["auto", "cpu", "cuda", "mps"]
Offload = Literal["auto", "none", "model", "sequential"]

BUILTIN_PREFIX = "builtin:"
DEFAULT_SUITE = "world-relations"
DEFAULT_SEEDS = 4  # images a prompt
DEFAULT_BATCH_SIZE = 32  # prompts or images a forward pass
# What most published figures of CLIP judges rest on (GenEval's too).
DEFAULT_CLIP = "clip:ViT-L-14/openai"
LARGEST_AUTO_BATCH = 64  # where the search for one that fits begins
# Far beyond any use; what is more is a slip of the keys, and would fill the memory.
MOST_IMAGES = 1_000_000
MOST_STEPS = 10_000
MOST_IN_BATCH = 65_536
LARGEST_SIDE = 16_384  # pixels
RUNS_FOLDER = Path("runs")
SAFE = ".safetensors"


@dataclass(frozen=True)
class Placement:
    """Where a pipeline's parts lie, and what of its speed is given up for memory.

    Raises:
        AuditError: a value is unknown, or two exclude each other.
    """

    offload: Offload = "auto"
    """``model``: each network is on the device only while it runs; ``sequential``: each layer;
    ``auto``: as ``model`` once not even one image fits otherwise."""
    attention_slicing: bool = False
    """Attention in several smaller steps."""
    vae_tiling: bool = False
    """Images decoded tile by tile; large ones may differ a little where tiles meet."""
    device_map: str | None = None
    """Networks spread over several devices, as diffusers' ``device_map`` takes it."""

    def __post_init__(self) -> None:
        _require_choice("--offload", self.offload, get_args(Offload))
        if self.device_map is not None and self.offload in ("model", "sequential"):
            raise AuditError("--device-map and --offload exclude each other; give one of them")

    def rounding(self) -> dict[str, object]:
        """What changes results by rounding, keyed by name; empty by default.

        Offloading does not: the same operations run in the same order.
        """
        changes = {
            "attention_slicing": self.attention_slicing,
            "vae_tiling": self.vae_tiling,
            "device_map": self.device_map,
        }
        return {name: value for name, value in changes.items() if value}


@dataclass(frozen=True)
class ModelOptions:
    """How a checkpoint is fetched and changed before it runs.

    Raises:
        AuditError: a LoRA's weight is no number.
    """

    revision: str | None = None
    """Branch, tag or commit of a hub id; the commit it stands for is recorded."""
    variant: str | None = None
    """Of the weights' files, e.g. ``fp16``."""
    local_files_only: bool = False
    """Whether a hub id must be in the local cache already."""
    config: Path | None = None
    """Folder of a pipeline of the same architecture, for a checkpoint in a single file."""
    lora: tuple[str, ...] = ()
    """``PATH`` or ``PATH:WEIGHT`` of each."""
    embedding: tuple[str, ...] = ()
    """``FILE`` or ``FILE:TOKEN`` of each textual inversion."""
    scheduler: str | None = None
    """A diffusers class; None keeps the checkpoint's own."""
    trust_remote_code: str | None = None
    """The model whose own code may run; that of any other never does."""

    def __post_init__(self) -> None:
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
                    "--lora should be PATH or PATH:WEIGHT with a finite number for WEIGHT, not "
                    f"{each!r}"
                ) from error
        return tuple(pairs)

    def embeddings(self) -> tuple[tuple[str, str | None], ...]:
        """File of each textual inversion, and its token; None for the file's own."""
        pairs = []
        for each in self.embedding:
            path, found, token = each.partition(f"{SAFE}:")
            pairs.append((f"{path}{SAFE}", token) if found else (each, None))
        return tuple(pairs)


@dataclass(frozen=True)
class ImageOptions:
    """Size and negative prompt of images; None leaves each to the pipeline.

    Raises:
        AuditError: a side is out of its range.
    """

    height: int | None = None
    """Pixels."""
    width: int | None = None
    """Pixels."""
    negative_prompt: str | None = None

    def __post_init__(self) -> None:
        for option, value in (("--height", self.height), ("--width", self.width)):
            if value is not None:
                _require_at_least(option, value, 1)
                _require_at_most(option, value, LARGEST_SIDE)

    @property
    def own_size(self) -> bool:
        """Whether images are as large as the pipeline makes them by itself."""
        return self.height is None and self.width is None


@dataclass(frozen=True)
class ProbeSettings:
    """Settings of the text side alone; no images are made.

    Raises:
        AuditError: a value is out of its range.
    """

    model: str
    """``builtin:NAME``, a local diffusers folder, or a hub id."""
    out: Path
    """The run directory."""
    suite: str = DEFAULT_SUITE
    """Name of a suite that is shipped, or path of a JSON Lines file."""
    batch_size: int | None = DEFAULT_BATCH_SIZE
    """Prompts a forward pass; None finds the largest that fits into memory, by halves."""
    dtype: DType = "auto"
    device: Device = "auto"
    limit: int | None = None
    """Only the suite's first so many prompts; None takes all."""
    placement: Placement = field(default_factory=Placement)
    model_options: ModelOptions = ModelOptions()
    encoder_alone: bool = False
    """Whether `model` is a text encoder's folder, or ``local-dir:PATH`` of an open_clip model."""
    tokenizer: Path | None = None
    """Folder of that encoder's tokenizer, if it is neither in it nor beside it."""

    def __post_init__(self) -> None:
        _require_text("--text-encoder" if self.encoder_alone else "MODEL", self.model)
        if self.tokenizer is not None and not self.encoder_alone:
            raise AuditError("--tokenizer goes with --text-encoder; a pipeline has its own")
        if self.encoder_alone and (
            self.model_options != ModelOptions() or self.placement != Placement()
        ):
            raise AuditError(
                "--text-encoder takes no option of how a pipeline is fetched, changed or placed; "
                "leave those out"
            )
        _require_text("--suite", self.suite)
        if self.batch_size is not None:
            _require_at_least("--batch-size", self.batch_size, 1)
            _require_at_most("--batch-size", self.batch_size, MOST_IN_BATCH)
        _require_choice("--dtype", self.dtype, get_args(DType))
        _require_choice("--device", self.device, get_args(Device))
        if self.limit is not None:
            _require_at_least("--limit", self.limit, 1)


@dataclass(frozen=True)
class AuditSettings:
    """Settings of an audit.

    Raises:
        AuditError: a value is out of its range.
    """

    model: str
    """``builtin:NAME``, a local diffusers folder, or a hub id."""
    out: Path
    """The run directory."""
    suite: str = DEFAULT_SUITE
    """Name of a suite that is shipped, or path of a JSON Lines file."""
    seeds: int = DEFAULT_SEEDS
    """Images a prompt."""
    judge: str = DEFAULT_CLIP
    """``clip`` (the built-in judge of the rendered world), ``clip:MODEL/TAG``,
    ``clip:local-dir:PATH`` or ``oracle``."""
    batch_size: int | None = DEFAULT_BATCH_SIZE
    """Prompts or images a forward pass; None finds the largest that fits into memory, by halves."""
    steps: int | None = None
    """Sampling steps; None takes the checkpoint's own default."""
    guidance_scale: float | None = None
    """Classifier-free guidance; None takes the checkpoint's own default."""
    dtype: DType = "auto"
    device: Device = "auto"
    limit: int | None = None
    """Only the suite's first so many prompts; None takes all."""
    denoiser_station: bool = True
    """Whether the denoiser's blocks are recorded and probed too."""
    placement: Placement = field(default_factory=Placement)
    shard: str | None = None
    """``I/N``: only this part of the images; `t2i-audit merge` makes the tables."""
    model_options: ModelOptions = ModelOptions()
    image_options: ImageOptions = ImageOptions()
    strict: bool = False
    """Whether a suite is refused of which the judge cannot judge every prompt."""

    def __post_init__(self) -> None:
        self.probe_settings()  # the settings both share are checked there
        _require_at_least("--seeds", self.seeds, 1)
        _require_at_most("--seeds", self.seeds, MOST_IMAGES)
        _require_text("--judge", self.judge)
        if self.shard is not None:
            parse_shard(self.shard)
        if self.steps is not None:
            _require_at_least("--steps", self.steps, 1)
            _require_at_most("--steps", self.steps, MOST_STEPS)
        if self.guidance_scale is not None and not 0 <= self.guidance_scale < float("inf"):
            raise AuditError(
                f"--guidance-scale should be a number not below 0, not {self.guidance_scale}"
            )

    def check_count(self, prompts: int) -> None:
        """Raise `AuditError` if so many `prompts` make more images than a run may have."""
        images = prompts * self.seeds
        if images > MOST_IMAGES:
            raise AuditError(
                f"{prompts} prompts x {self.seeds} seeds make {images} images, and a run may have "
                f"{MOST_IMAGES}; give fewer --seeds or a --limit"
            )

    def probe_settings(self) -> ProbeSettings:
        """The settings of this audit's text side."""
        return ProbeSettings(
            model=self.model,
            out=self.out,
            suite=self.suite,
            batch_size=self.batch_size,
            dtype=self.dtype,
            device=self.device,
            limit=self.limit,
            placement=self.placement,
            model_options=self.model_options,
        )


def default_judge(model: str) -> str:
    """The judge that suits `model`: the oracle for a built-in checkpoint, whose world it reads."""
    return "oracle" if model.startswith(BUILTIN_PREFIX) else DEFAULT_CLIP


def default_out(model: str, suite: str, *, ending: str = "") -> Path:
    """``runs/<model>-<suite><ending>``, made of letters that any file system takes.

    Of a local folder or a suite's file only the last part of the path counts.
    """
    name = model.removeprefix(BUILTIN_PREFIX).removeprefix("local-dir:")
    if Path(name).is_dir():
        name = Path(name).resolve().name
    suite_name = Path(suite).stem if suite.endswith(".jsonl") else Path(suite).name
    return RUNS_FOLDER / (_slug(f"{name}-{suite_name}") + ending)


def _slug(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]+", "-", text).strip("-.") or "run"


def _require_at_least(option: str, value: int, least: int) -> None:
    if value < least:
        raise AuditError(f"{option} should be at least {least}, not {value}")


def _require_at_most(option: str, value: int, most: int) -> None:
    if value > most:
        raise AuditError(f"{option} should be at most {most}, not {value}")


def _require_text(option: str, value: str) -> None:
    if not value.strip():
        raise AuditError(f"{option} should not be empty")


def _require_choice(option: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise AuditError(f"{option} should be one of {', '.join(choices)}, not {value!r}")
