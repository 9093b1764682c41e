"""Settings of the command that measures a judge's errors."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from t2i_audit.errors import AuditError
from t2i_audit.settings.model import DeviceOption
from t2i_audit.settings.option import Option, check_options
from t2i_audit.settings.run import LARGEST_SEED, WriteReport


@dataclass(frozen=True, kw_only=True)
class CalibrateSettings:
    """Settings of a calibration.

    Raises:
        AuditError: a value is out of its range, or two do not go together.
    """

    run: Annotated[
        Path | None,
        Option(
            "RUN",
            "Directory of the finished run whose judge is calibrated. Without it, the raters of "
            "--labels are compared with each other, on the prompts of --suite.",
            metavar="[RUN]",
            place="run",
        ),
    ] = None
    labels: Annotated[
        str | None,
        Option(
            "--labels",
            "What is taken for the truth: a file of labels, with the FORMAT of a public set before "
            "it; a judge, such as oracle, which is not run again if its verdicts are in the run; "
            "or another run, whose judge card is used.",
            metavar="[FORMAT:]FILE|JUDGE|RUN",
            not_empty=True,
        ),
    ] = None
    suite: Annotated[
        str | None,
        Option(
            "--suite",
            "Prompts that --labels are about where there is no RUN: the name of a suite, or a "
            ".jsonl file.",
            metavar="NAME|FILE",
            not_empty=True,
        ),
    ] = None
    judge: Annotated[
        str | None,
        Option(
            "--judge",
            "Name of the judge that is calibrated. [default: the run's own]",
            group="Judge",
            metavar="NAME",
            not_empty=True,
        ),
    ] = None
    n_labels: Annotated[
        int | None,
        Option(
            "--n-labels",
            "Label only so many images, drawn by verdict and prompt type, where a judge labels "
            "them. [default: all]",
            metavar="N",
            at_least=1,
        ),
    ] = None
    seed: Annotated[
        int,
        Option(
            "--seed",
            "Seed of the draw of --n-labels.",
            metavar="N",
            at_least=0,
            at_most=LARGEST_SEED,
        ),
    ] = 0
    plan: Annotated[
        bool,
        Option(
            "--plan",
            "Say how many labels are needed and of which images, and do nothing else.",
        ),
    ] = False
    points: Annotated[
        float,
        Option(
            "--points",
            "Half-width of the corrected rate's 95% interval that --plan plans for, in percentage "
            "points.",
            metavar="X",
            at_least=0.1,
            at_most=50,
        ),
    ] = 3.0
    device: DeviceOption = "auto"
    report: WriteReport = True

    def __post_init__(self) -> None:
        check_options(self)
        if self.run is None and (self.plan or self.labels is None or self.suite is None):
            raise AuditError(
                "give a RUN to calibrate; to compare raters with each other, give --labels FILE "
                "and the --suite that they are about"
            )
        if self.run is not None and self.suite is not None:
            raise AuditError("--suite is for raters without a RUN; a run has its own prompts")
        if self.labels is None and not self.plan:
            raise AuditError(
                "give --labels, e.g. --labels labels.csv, or --plan to learn how many labels "
                "are needed"
            )
