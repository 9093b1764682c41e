"""Settings of judges, and of the command that judges images again, or those made elsewhere."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from t2i_audit.errors import AuditError
from t2i_audit.settings.defaults import DEFAULT_CLIP
from t2i_audit.settings.images import ImagesOptions
from t2i_audit.settings.model import ModelOptions
from t2i_audit.settings.option import Option, check_options, option_name
from t2i_audit.settings.run import MOST_IN_BATCH, WriteReport, parse_judge_batch_size

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
            "Directory or URL of the finished run, or a folder or file of images made elsewhere.",
            metavar="RUN|IMAGES",
            place="run",
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
            "Run directory of the new results, or its URL in a store.",
            short="-o",
            metavar="DIR|URL",
            place="run",
        ),
    ]
    judge_batch_size: JudgeBatchSize = None
    strict: Annotated[bool, Option("--strict", STRICT_HELP + STRICT_IMAGES, group="Judge")] = False
    report: WriteReport = True
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
