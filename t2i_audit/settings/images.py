"""Settings of images made elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from t2i_audit.settings.defaults import DEFAULT_BATCH_SIZE
from t2i_audit.settings.model import DeviceOption, DTypeOption
from t2i_audit.settings.option import Option, check_options
from t2i_audit.settings.run import MOST_IN_BATCH

Layout = Literal["geneval", "compbench", "table", "webdataset", "dataset"]


@dataclass(frozen=True)
class ImagesOptions:
    """How images made elsewhere are read, and what is known of their model.

    Raises:
        AuditError: a value is out of its range.
    """

    suite: Annotated[
        str | None,
        Option(
            "--suite",
            "Prompts of the images: the name of a suite, or a .jsonl file. [default: the prompts "
            "in the images' metadata]",
            group="Images",
            metavar="NAME|FILE",
            not_empty=True,
        ),
    ] = None
    layout: Annotated[
        Layout | None,
        Option(
            "--layout",
            "How the images and their metadata lie in their folder. [default: detected]",
            group="Images",
        ),
    ] = None
    name: Annotated[
        str | None,
        Option(
            "--name",
            "Name of the model that made the images. [default: the folder's]",
            group="Images",
            metavar="TEXT",
            not_empty=True,
        ),
    ] = None
    probe: Annotated[
        str | None,
        Option(
            "--probe",
            "Checkpoint that made the images: its text encoders are probed as well.",
            group="Images",
            metavar="MODEL",
            not_empty=True,
        ),
    ] = None
    dataset_split: Annotated[
        str | None,
        Option(
            "--dataset-split", "Split of a dataset with several.", group="Images", metavar="NAME"
        ),
    ] = None
    limit: Annotated[
        int | None,
        Option(
            "--limit",
            "Use only the first N prompts of the suite.",
            group="Images",
            metavar="N",
            at_least=1,
        ),
    ] = None
    batch_size: Annotated[
        int,
        Option(
            "--batch-size",
            "Number of images, or of prompts to probe, per forward pass; fewer where memory runs "
            "short.",
            group="Images",
            metavar="N",
            at_least=1,
            at_most=MOST_IN_BATCH,
        ),
    ] = DEFAULT_BATCH_SIZE
    device: DeviceOption = "auto"
    dtype: DTypeOption = "auto"

    def __post_init__(self) -> None:
        check_options(self)
