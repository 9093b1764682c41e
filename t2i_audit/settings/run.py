"""Settings that every run shares, and those of a probe."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, ClassVar, Self

from t2i_audit.errors import AuditError
from t2i_audit.settings.defaults import (
    DEFAULT_BATCH_SIZE,
    DEFAULT_RANDOM_WEIGHTS,
    DEFAULT_SUITE,
    default_out,
)
from t2i_audit.settings.model import (
    DeviceOption,
    DTypeOption,
    ModelOptions,
    Placement,
)
from t2i_audit.settings.option import Option, check_options, option_name

# Limits far beyond any use: a larger number is a typing error, and would fill the memory.
MOST_IN_BATCH = 65_536
LARGEST_SEED = 2**32 - 1
MOST_DRAWS = 1_000

MODEL_HELP = "builtin:NAME, a local diffusers folder, or the id of a model on the hub."


def parse_batch_size(text: str) -> int | None:
    """The number that ``--batch-size`` names; None for ``auto``.

    Raises:
        AuditError: it is neither.
    """
    return _parse_size(text, "--batch-size")


def parse_judge_batch_size(text: str) -> int | None:
    """The same of ``--judge-batch-size``."""
    return _parse_size(text, "--judge-batch-size")


def _parse_size(text: str, name: str) -> int | None:
    if text == "auto":
        return None
    if not text.lstrip("-").isdecimal():
        raise AuditError(f"{name} should be a whole number or auto, not {text!r}")
    return int(text)


Limit = Annotated[
    int | None,
    Option("--limit", "Use only the first N prompts of the suite.", metavar="N", at_least=1),
]
SampleSize = Annotated[
    int | None,
    Option(
        "--sample",
        "Use a random sample of N prompts, as even as possible over types and splits.",
        metavar="N",
        at_least=1,
    ),
]

WriteReport = Annotated[
    bool,
    Option(
        "--report",
        "Write report.html, the page of the run, into the run directory at the end.",
        off="--no-report",
    ),
]


def check_part(limit: int | None, sample: int | None) -> None:
    """Refuse two ways to take a part of a suite.

    Raises:
        AuditError: both are given.
    """
    if limit is not None and sample is not None:
        raise AuditError(
            "--limit takes the first prompts of a suite and --sample draws from all of it; "
            "give one of the two"
        )


@dataclass(frozen=True, kw_only=True)
class RunSettings:
    """Settings that an audit and a probe share."""

    out_ending: ClassVar[str] = ""

    model: Annotated[str, Option("MODEL", MODEL_HELP, not_empty=True)]
    suite: Annotated[
        str,
        Option(
            "--suite",
            "Prompts: the name of a suite, or a .jsonl file.",
            metavar="NAME|FILE",
            not_empty=True,
        ),
    ] = DEFAULT_SUITE
    out: Annotated[
        Path,
        Option(
            "--out",
            "Run directory, or its URL in a store, like s3://BUCKET/runs/a. An interrupted run in "
            "it is resumed.",
            short="-o",
            metavar="DIR|URL",
            place="run",
            computed="in the folder runs",
        ),
    ]
    limit: Limit = None
    sample: SampleSize = None
    seed: Annotated[
        int,
        Option(
            "--seed",
            "Base seed of all that is random: noise, folds, resamples and random weights.",
            metavar="N",
            at_least=0,
            at_most=LARGEST_SEED,
        ),
    ] = 0
    random_weights: Annotated[
        int,
        Option(
            "--random-weights",
            "Number of untrained networks that every figure is compared with, each the same "
            "architecture with other random weights. More of them make the comparison surer; in "
            "an audit, 3 cost about as much as 1 more image per prompt.",
            metavar="N",
            at_least=1,
            at_most=MOST_DRAWS,
        ),
    ] = DEFAULT_RANDOM_WEIGHTS
    dtype: DTypeOption = "auto"
    device: DeviceOption = "auto"
    model_options: ModelOptions = field(default_factory=ModelOptions)
    batch_size: Annotated[
        int | None,
        Option(
            "--batch-size",
            "Number of prompts or images per forward pass; auto finds the largest that fits into "
            "memory.",
            group="Memory",
            metavar="N|auto",
            at_least=1,
            at_most=MOST_IN_BATCH,
            parse=parse_batch_size,
        ),
    ] = DEFAULT_BATCH_SIZE
    """None finds the largest that fits into memory, by halving."""
    placement: Placement = field(default_factory=Placement)
    report: WriteReport = True

    def __post_init__(self) -> None:
        check_options(self)
        check_part(self.limit, self.sample)

    @property
    def name(self) -> str:
        """What is audited, as the user wrote it."""
        return self.model

    @classmethod
    def of(cls, **values: Any) -> Self:
        """Settings of these `values`; None or absent stands for a default that depends on others.

        Raises:
            AuditError: a value is out of its range.
        """
        if values.get("out") is None:
            name = values.get("text_encoder") or values.get("model") or ""
            suite = values.get("suite", DEFAULT_SUITE)
            values["out"] = default_out(name, suite, ending=cls.out_ending)
        return cls(**values)


@dataclass(frozen=True, kw_only=True)
class ProbeSettings(RunSettings):
    """Settings of a probe of the text encoders; no images are made.

    Raises:
        AuditError: a value is out of its range, or two exclude each other.
    """

    # Another folder than the audit's: the two are different runs and may lie side by side.
    out_ending: ClassVar[str] = "-probe"

    model: Annotated[str, Option("MODEL", MODEL_HELP, metavar="[MODEL]")] = ""
    """Empty where a text encoder is given instead."""
    text_encoder: Annotated[
        str | None,
        Option(
            "--text-encoder",
            "Probe this text encoder instead of a MODEL: the folder of a transformers text model, "
            "or local-dir:PATH for an open_clip model.",
            group="Model",
            metavar="PATH",
            not_empty=True,
        ),
    ] = None
    tokenizer: Annotated[
        Path | None,
        Option(
            "--tokenizer",
            "Folder of the tokenizer of --text-encoder. [default: the same folder, or the folder "
            "tokenizer beside text_encoder]",
            group="Model",
            metavar="DIR",
        ),
    ] = None

    def __post_init__(self) -> None:
        encoder = option_name(ProbeSettings, "text_encoder")
        if bool(self.model.strip()) == self.encoder_alone:
            both = "not both" if self.encoder_alone else "neither is given"
            raise AuditError(f"give a MODEL or {encoder} PATH; {both}")
        super().__post_init__()
        if self.tokenizer is not None and not self.encoder_alone:
            name = option_name(ProbeSettings, "tokenizer")
            raise AuditError(f"{name} needs {encoder}; a pipeline has its own tokenizer")
        if self.encoder_alone and (
            self.model_options != ModelOptions() or self.placement != Placement()
        ):
            raise AuditError(
                f"{encoder} takes no option that fetches, changes or places a pipeline; leave "
                "those out"
            )

    @property
    def encoder_alone(self) -> bool:
        """Whether a text encoder is probed without a pipeline."""
        return self.text_encoder is not None

    @property
    def name(self) -> str:
        """What is probed, as the user wrote it."""
        return self.model if self.text_encoder is None else self.text_encoder
