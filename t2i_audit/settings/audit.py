"""Settings of an audit, and of the commands that finish one or judge its images again."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Self

from t2i_audit.errors import AuditError
from t2i_audit.settings.defaults import AUTO_JUDGE, DEFAULT_CLIP, DEFAULT_SEEDS
from t2i_audit.settings.images import ImagesOptions
from t2i_audit.settings.model import (
    DeviceOption,
    DTypeOption,
    ModelOptions,
    Placement,
    TrustRemoteCode,
)
from t2i_audit.settings.option import Option, check_options, option_name
from t2i_audit.settings.run import (
    MODEL_HELP,
    MOST_IN_BATCH,
    RunSettings,
    parse_judge_batch_size,
)
from t2i_audit.workers import parse_shard

# Limits far beyond any use: a larger number is a typing error, and would fill the memory.
MOST_IMAGES = 1_000_000
MOST_STEPS = 10_000
LARGEST_SIDE = 16_384  # pixels

JUDGE_HELP = (
    "Judges, separated by commas; the first is the primary one. clip:MODEL/TAG or "
    "clip:local-dir:PATH for any open_clip model; vqa:OWNER/NAME or vqa:FOLDER for any "
    "image-text-to-text model, vqa:http://HOST/v1#MODEL for one on a server; human:FILE for "
    "people's labels of the images; geneval:DETECTOR for GenEval's rules; oracle for images of "
    f"the rendered world. clip, vqa or geneval alone is a model of real images ({DEFAULT_CLIP} "
    "for clip), or for a built-in checkpoint the built-in one."
)
STRICT_HELP = (
    "Refuse a suite with prompts that the judge cannot judge. By default, images of such prompts "
    "are made, left out of the judging, and counted."
)
STRICT_IMAGES = (
    " Of images made elsewhere, those that cannot be used, or that prompts lack, are refused too."
)
Strict = Annotated[bool, Option("--strict", STRICT_HELP, group="Judge")]
JudgeBatchSize = Annotated[
    int | None,
    Option(
        "--judge-batch-size",
        "Most images that a judge is shown at once; auto shows it the images of a whole batch. "
        "Where memory runs short it is halved.",
        group="Memory",
        metavar="N|auto",
        at_least=1,
        at_most=MOST_IN_BATCH,
        parse=parse_judge_batch_size,
    ),
]


Seeds = Annotated[
    int,
    Option(
        "--seeds",
        "Number of images per prompt.",
        group="Sampling",
        metavar="N",
        at_least=1,
        at_most=MOST_IMAGES,
    ),
]
Steps = Annotated[
    int | None,
    Option(
        "--steps",
        "Number of sampling steps. [default: the checkpoint's own]",
        group="Sampling",
        metavar="N",
        at_least=1,
        at_most=MOST_STEPS,
    ),
]


@dataclass(frozen=True)
class ImageOptions:
    """Size and negative prompt of the images; None leaves each to the pipeline.

    Raises:
        AuditError: a side is out of its range.
    """

    height: Annotated[
        int | None,
        Option(
            "--height",
            "Height of the images. [default: the checkpoint's own]",
            group="Sampling",
            metavar="PIXELS",
            at_least=1,
            at_most=LARGEST_SIDE,
        ),
    ] = None
    width: Annotated[
        int | None,
        Option(
            "--width",
            "Width of the images. [default: the checkpoint's own]",
            group="Sampling",
            metavar="PIXELS",
            at_least=1,
            at_most=LARGEST_SIDE,
        ),
    ] = None
    negative_prompt: Annotated[
        str | None,
        Option(
            "--negative-prompt",
            "Negative prompt of every image.",
            group="Sampling",
            metavar="TEXT",
        ),
    ] = None

    def __post_init__(self) -> None:
        check_options(self)

    @property
    def own_size(self) -> bool:
        """Whether the size of the images is left to the pipeline."""
        return self.height is None and self.width is None


@dataclass(frozen=True, kw_only=True)
class AuditSettings(RunSettings):
    """Settings of an audit.

    Raises:
        AuditError: a value is out of its range.
    """

    seeds: Seeds = DEFAULT_SEEDS
    steps: Steps = None
    guidance_scale: Annotated[
        float | None,
        Option(
            "--guidance-scale",
            "Scale of classifier-free guidance. [default: the checkpoint's own]",
            group="Sampling",
            metavar="X",
            at_least=0,
        ),
    ] = None
    image_options: ImageOptions = ImageOptions()
    judge: Annotated[
        str,
        Option(
            "--judge",
            JUDGE_HELP,
            group="Judge",
            metavar="JUDGE,...",
            not_empty=True,
            computed="auto: oracle for a built-in checkpoint, else the best that fits the device",
        ),
    ] = AUTO_JUDGE
    judge_batch_size: JudgeBatchSize = None
    strict: Strict = False
    denoiser_station: Annotated[
        bool,
        Option(
            "--denoiser-station",
            "Record and probe the blocks of the denoiser as well.",
            off="--no-denoiser-station",
        ),
    ] = True
    shard: Annotated[
        str | None,
        Option(
            "--shard",
            "Make and judge only part I of N of the images; see the command merge.",
            metavar="I/N",
        ),
    ] = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.shard is not None:
            parse_shard(self.shard)

    @classmethod
    def of(cls, **values: Any) -> Self:
        """As `RunSettings.of`; None stands for the judge that suits checkpoint and device."""
        if values.get("judge") is None:
            values["judge"] = AUTO_JUDGE
        return super().of(**values)


def check_count(prompts: int, seeds: int) -> None:
    """Refuse more images than a run may have.

    Raises:
        AuditError: so many `prompts` make more with `seeds` images each.
    """
    images = prompts * seeds
    if images > MOST_IMAGES:
        raise AuditError(
            f"{prompts} prompts x {seeds} seeds make {images} images, and a run may have at most "
            f"{MOST_IMAGES}; give fewer {option_name(AuditSettings, 'seeds')} or a "
            f"{option_name(RunSettings, 'limit')}"
        )


@dataclass(frozen=True, kw_only=True)
class MergeSettings:
    """Settings of the command that joins the shards of an audit."""

    runs: Annotated[
        tuple[Path, ...], Option("RUNS", "Directories in which shards ran.", metavar="RUN...")
    ]
    out: Annotated[
        Path | None,
        Option(
            "--out",
            "Directory in which several runs are joined. [default: the run itself, if it is one]",
            short="-o",
            metavar="DIR",
        ),
    ] = None
    trust_remote_code: TrustRemoteCode = None


@dataclass(frozen=True, kw_only=True)
class JudgeSettings:
    """Settings of the command that judges images: a finished run's again, or those made elsewhere.

    Raises:
        AuditError: the judge is blank.
    """

    run: Annotated[
        Path,
        Option(
            "RUN",
            "Directory of the finished run, or a folder or file of images made elsewhere.",
            metavar="RUN|IMAGES",
        ),
    ]
    judge: Annotated[
        str,
        Option("--judge", JUDGE_HELP, group="Judge", metavar="JUDGE,...", not_empty=True),
    ]
    out: Annotated[
        Path,
        Option(
            "--out",
            "Run directory of the new results.",
            short="-o",
            metavar="DIR",
        ),
    ]
    judge_batch_size: JudgeBatchSize = None
    strict: Annotated[bool, Option("--strict", STRICT_HELP + STRICT_IMAGES, group="Judge")] = False
    images: ImagesOptions = field(default_factory=ImagesOptions)
    model_options: ModelOptions = field(default_factory=ModelOptions)
    """Of the checkpoint that is probed beside images made elsewhere."""

    def __post_init__(self) -> None:
        check_options(self)
        if self.images.probe is None and self.model_options != self._trusted:
            raise AuditError(
                "options that fetch or change a checkpoint are for the one that "
                f"{option_name(ImagesOptions, 'probe')} names; give it, or leave them out"
            )

    @property
    def trust_remote_code(self) -> str | None:
        """The model whose own code may run."""
        return self.model_options.trust_remote_code

    @property
    def _trusted(self) -> ModelOptions:
        return ModelOptions(trust_remote_code=self.trust_remote_code)


@dataclass(frozen=True, kw_only=True)
class DoctorSettings:
    """Settings of the command that shows what an audit can read of a checkpoint.

    Raises:
        AuditError: a value is out of its range.
    """

    model: Annotated[str, Option("MODEL", MODEL_HELP, not_empty=True)]
    dtype: DTypeOption = "auto"
    device: DeviceOption = "auto"
    steps: Steps = None
    image_options: ImageOptions = ImageOptions()
    model_options: ModelOptions = field(default_factory=ModelOptions)
    placement: Placement = field(default_factory=Placement)

    def __post_init__(self) -> None:
        check_options(self)
