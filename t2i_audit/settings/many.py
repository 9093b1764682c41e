"""Settings of the command that audits several models."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from t2i_audit.settings.option import Option, check_options
from t2i_audit.settings.run import MODEL_HELP

MODELS_FILES = (".yaml", ".yml")
MOST_PROCESSES = 1_024


@dataclass(frozen=True, kw_only=True)
class ManySettings:
    """What is asked for beside the settings of each audit.

    Raises:
        AuditError: a value is out of its range.
    """

    models: Annotated[
        tuple[str, ...],
        Option(
            "MODEL",
            f"{MODEL_HELP} Several models, or a .yaml file of models, are audited one after the "
            "other, or one for each GPU, and set side by side.",
            metavar="MODEL...",
        ),
    ]
    out: Annotated[
        Path | None,
        Option(
            "--out",
            "Run directory, or its URL in a store, like s3://BUCKET/runs/a. An interrupted run in "
            "it is resumed. Of several models it holds a run directory each, and leaderboard.csv. "
            "[default: in the folder runs; required for several models]",
            short="-o",
            metavar="DIR|URL",
            place="run",
        ),
    ] = None
    processes: Annotated[
        int | None,
        Option(
            "--processes",
            "Number of models to audit at the same time. [default: the number of GPUs]",
            metavar="N",
            at_least=1,
            at_most=MOST_PROCESSES,
        ),
    ] = None

    def __post_init__(self) -> None:
        check_options(self)


def is_models_file(model: str) -> bool:
    """Whether `model` names a file of models."""
    return model.endswith(MODELS_FILES)
