"""Settings of an audit, and of the command that joins the shards of one."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from t2i_audit.errors import AuditError
from t2i_audit.settings.defaults import AUTO_JUDGE, DEFAULT_SEEDS
from t2i_audit.settings.engine import parse_engine
from t2i_audit.settings.judge import JUDGE_HELP, JudgeBatchSize, Strict
from t2i_audit.settings.model import TrustRemoteCode
from t2i_audit.settings.option import Option, option_name
from t2i_audit.settings.run import RunSettings, WriteReport
from t2i_audit.settings.sampling import MOST_IMAGES, ImageOptions, Seeds, Steps
from t2i_audit.settings.use import UseOptions
from t2i_audit.workers import parse_shard

ImageFiles = Literal["auto", "files", "shards"]


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
    image_options: ImageOptions = field(default_factory=ImageOptions)
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
    judge_device: Annotated[
        str | None,
        Option(
            "--judge-device",
            "Device on which the judges work while images are sampled, like cpu or cuda:1. "
            "[default: the checkpoint's]",
            group="Judge",
            metavar="DEVICE",
            not_empty=True,
        ),
    ] = None
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
    image_files: Annotated[
        ImageFiles,
        Option(
            "--images",
            "How the images are kept: a PNG file each, or packed into a tar file for each batch, "
            "the shards of a WebDataset. auto packs more than 5,000; a resumed run keeps what it "
            "has.",
            group="Images",
        ),
    ] = "auto"
    shard: Annotated[
        str | None,
        Option(
            "--shard",
            "Make and judge only part I of N of the images; see the command merge.",
            metavar="I/N",
        ),
    ] = None
    engine: Annotated[
        str | None,
        Option(
            "--engine",
            "Have the actors of a Ray cluster make and judge the images: ray finds or starts the "
            "Ray of this machine, ray:HOST:PORT is that of another. [default: this process]",
            metavar="ray[:ADDRESS]",
        ),
    ] = None

    use: Annotated[
        bool,
        Option(
            "--use",
            "Measure at the end which slots the denoiser draws from, by images drawn anew.",
            group="Use",
        ),
    ] = False
    use_options: UseOptions = field(default_factory=UseOptions)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.shard is not None:
            parse_shard(self.shard)
        if self.engine is not None:
            parse_engine(self.engine)
        if self.engine is not None and self.shard is not None:
            raise AuditError(
                "--engine divides the images among its actors, and --shard makes a part of them; "
                "give one of the two"
            )
        if self.engine is not None and self.judge_device not in (None, "cpu", "cuda"):
            raise AuditError(
                "--judge-device with an --engine should be cpu or cuda, as an actor sees no device "
                f"but its own, not {self.judge_device!r}"
            )
        if self.use and self.shard is not None:
            raise AuditError(
                "--use needs the whole run, and --shard makes a part of it; join the shards and "
                "give t2i-audit use with the joined run"
            )
        if not self.use and self.use_options != UseOptions():
            raise AuditError(
                "options that begin with --use- need --use; give it, or leave them out"
            )

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
        tuple[Path, ...],
        Option("RUNS", "Directories or URLs in which shards ran.", metavar="RUN...", place="run"),
    ]
    out: Annotated[
        Path | None,
        Option(
            "--out",
            "Directory or URL in which several runs are joined. [default: the run itself, if it is "
            "one]",
            short="-o",
            metavar="DIR|URL",
            place="run",
        ),
    ] = None
    report: WriteReport = True
    trust_remote_code: TrustRemoteCode = None
