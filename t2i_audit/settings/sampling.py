"""Settings of how images are sampled."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from t2i_audit.settings.option import Option, check_options

# Limits far beyond any use: a larger number is a typing error, and would fill the memory.
MOST_IMAGES = 1_000_000
MOST_STEPS = 10_000
LARGEST_SIDE = 16_384  # pixels

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
