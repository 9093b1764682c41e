"""Settings of the command that forecasts failures of new prompts."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from t2i_audit.settings.model import DeviceOption, TrustRemoteCode
from t2i_audit.settings.option import Option, check_options
from t2i_audit.settings.run import LARGEST_SEED


@dataclass(frozen=True, kw_only=True)
class ForecastSettings:
    """Settings of a forecast.

    Raises:
        AuditError: a value is out of its range.
    """

    run: Annotated[
        Path,
        Option(
            "RUN", "Directory or URL of a finished audit of the model.", metavar="RUN", place="run"
        ),
    ]
    prompts: Annotated[
        str,
        Option(
            "--prompts",
            "Prompts to forecast: the name of a suite, or a .jsonl file.",
            metavar="NAME|FILE",
            not_empty=True,
        ),
    ]
    top: Annotated[
        int,
        Option("--top", "Number of the riskiest prompts to show.", metavar="N", at_least=1),
    ] = 20
    out: Annotated[
        Path | None,
        Option(
            "--out",
            "Table of all prompts to write; the reliability curve is drawn beside it.",
            short="-o",
            metavar="FILE.csv",
            place="file",
        ),
    ] = None
    words_alone: Annotated[
        bool,
        Option(
            "--words-alone",
            "Forecast from the prompts' words, type and length alone, without loading the "
            "checkpoint.",
        ),
    ] = False
    seed: Annotated[
        int,
        Option(
            "--seed",
            "Seed of the groups of compositions that are left out together.",
            metavar="N",
            at_least=0,
            at_most=LARGEST_SEED,
        ),
    ] = 0
    device: DeviceOption = "auto"
    trust_remote_code: TrustRemoteCode = None
    """The one model whose own code may run."""

    def __post_init__(self) -> None:
        check_options(self)
