"""Settings of the command that says what a suite can show."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from t2i_audit.settings.defaults import DEFAULT_SEEDS
from t2i_audit.settings.option import Option, check_options
from t2i_audit.settings.run import LARGEST_SEED, Limit, SampleSize, check_part
from t2i_audit.settings.sampling import Seeds

# Measured on built-in checkpoints: 0.05 to 0.45.
REPEATABILITY = 0.3
SPREAD = 0.5


@dataclass(frozen=True, kw_only=True)
class PlanSettings:
    """The suite, the number of images, and what is assumed of the model.

    Raises:
        AuditError: a value is out of its range.
    """

    suite: Annotated[
        str,
        Option("SUITE", "Prompts: the name of a suite, or a .jsonl file.", not_empty=True),
    ]
    seeds: Seeds = DEFAULT_SEEDS
    limit: Limit = None
    sample: SampleSize = None
    seed: Annotated[
        int,
        Option(
            "--seed",
            "Seed of the sample, as in an audit.",
            metavar="N",
            at_least=0,
            at_most=LARGEST_SEED,
        ),
    ] = 0
    repeatability: Annotated[
        float,
        Option(
            "--repeatability",
            "Assumed correlation between two images of one prompt; an audit of a like model gives "
            "it as ICC.",
            metavar="X",
            at_least=0,
            at_most=1,
        ),
    ] = REPEATABILITY
    spread: Annotated[
        float,
        Option(
            "--spread",
            "Assumed standard deviation between pairs of values, such as green and circle, in log "
            "odds of success. At 0.5, a rate of 0.5 becomes 0.38 for a pair that is one standard "
            "deviation harder.",
            metavar="X",
            at_least=0,
            at_most=10,
        ),
    ] = SPREAD

    like: Annotated[
        Path | None,
        Option(
            "--like",
            "Directory or URL of a finished audit of a like model: time and disk are told from "
            "what that one took.",
            metavar="RUN",
            place="run",
        ),
    ] = None

    def __post_init__(self) -> None:
        check_options(self)
        check_part(self.limit, self.sample)
