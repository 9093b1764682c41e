"""Settings of the command that writes a page on which images are labelled."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from t2i_audit.settings.option import Option, check_options


@dataclass(frozen=True, kw_only=True)
class LabelSettings:
    """Settings of the page.

    Raises:
        AuditError: a value is out of its range.
    """

    run: Annotated[
        Path, Option("RUN", "Directory or URL of the finished audit.", metavar="RUN", place="run")
    ]
    out: Annotated[
        Path, Option("--out", "The page to write.", short="-o", metavar="FILE.html", place="file")
    ]
    n: Annotated[
        int,
        Option("--n", "Number of images to label.", metavar="N", at_least=1, at_most=10_000),
    ] = 200
    seed: Annotated[
        int, Option("--seed", "Seed of the sample and of its order.", metavar="N", at_least=0)
    ] = 0
    max_mb: Annotated[
        float,
        Option(
            "--max-mb",
            "Most megabytes of images in the page; larger images are compressed or made smaller.",
            metavar="MB",
            at_least=0.1,
            at_most=1000,
        ),
    ] = 50.0

    def __post_init__(self) -> None:
        check_options(self)
