"""What a denoiser uses of what it is given, measured by intervention: ``use.json`` of a run."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from t2i_audit.errors import RunDirectoryError
from t2i_audit.io import read_json, write_json
from t2i_audit.results.attribution import Culprit
from t2i_audit.results.interval import Interval, Number

if TYPE_CHECKING:
    from pydantic import TypeAdapter

USE = "use.json"

Kind = Literal["erase", "random", "steer", "context"]
"""``erase``: a slot is linearly erased. ``random``: a random subspace of the same rank is erased at
the same tokens, the control of ``erase``. ``steer``: a slot's component is exchanged for that of
another value. ``context``: every word is encoded by itself."""
TEXT = "text"
"""The site of what the denoiser is given; every other site is the name of one of its blocks."""
UNCHANGED = "unchanged"
"""In the table of images, the site of images in which nothing was changed."""
UseVerdict = Literal["used", "not used", "unclear"]
UseCulprit = Literal[
    "encoder",
    "denoiser ignores it",
    "denoiser fails to draw it",
    "VAE loses it",
    "chance",
    "unclear",
    "none",
]


@dataclass(frozen=True)
class SlotUse:
    """How far the images depend on one slot at one site."""

    slot: str
    site: str
    """``text``, or the name of one of the denoiser's blocks."""
    unchanged: Interval
    """Share of images in which the slot is right, of the same prompts and seeds."""
    erased: Interval
    """The same where the slot is erased."""
    random: Interval
    """The same where a random subspace of the same rank is erased."""
    use: Interval
    """``random - erased``, paired over prompts and seeds: the drop beyond the control's drop."""
    others: dict[str, Interval]
    """For each other slot its own drop beyond the control's when this slot is erased."""
    guess: Number
    """Success that the slot's most frequent value alone would reach, from 0 to 1: what a denoiser
    without any knowledge of the slot may reach. Only what is above it can drop."""
    verdict: UseVerdict
    reason: str = ""
    """The figures that decide, or why none does."""
    steered: Interval | None = None
    """Share of images that show the other value when the slot's component is exchanged for it."""
    unsteered: Interval | None = None
    """Share of unchanged images that show that other value."""
    followed: Interval | None = None
    """``steered - unsteered``, paired."""


@dataclass(frozen=True)
class ContextNeed:
    """How far one slot's success needs the context that the encoder gives each word."""

    slot: str
    unchanged: Interval
    alone: Interval
    """Share of images in which the slot is right where every word was encoded by itself."""
    need: Interval
    """``unchanged - alone``, paired."""


@dataclass(frozen=True)
class SlotCulprit:
    """Who is to blame for the images in which one slot is wrong."""

    slot: str
    culprit: UseCulprit
    """As the intervention settles it."""
    by_correlation: Culprit
    """As the rule without interventions says of this slot; it stands beside the other."""
    agrees: bool | None
    """Whether both name the same; None where one of them is undecided."""
    reason: str
    """The figures that decide, in a sentence."""
    failure_rate: Interval
    """Share of the run's images in which the slot is wrong."""
    lost: Interval
    """Share of these wrong images whose slot is lost at the text encoder."""
    values: dict[str, Interval] = field(default_factory=dict)
    """Values of the slot's kind whose prompts surely fail more often than others, with their share
    of wrong images; empty where none stands out."""


@dataclass(frozen=True)
class Use:
    """All that the interventions on one run show.

    >>> import t2i_audit as t2i
    >>> t2i.load_run("runs/demo").use is None  # until `use` measures it
    True
    """

    model: str
    suite: str
    judge: str
    n_prompts: int
    """Prompts that were drawn anew."""
    n_seeds: int
    """Images of each prompt."""
    n_images: int
    """Images that were made for it."""
    slots: tuple[SlotUse, ...]
    context: tuple[ContextNeed, ...] = ()
    culprits: tuple[SlotCulprit, ...] = ()
    notes: tuple[str, ...] = field(default=())

    def of(self, slot: str, *, site: str = TEXT) -> SlotUse | None:
        """The use of `slot` at `site`; None where it was not measured."""
        return next((each for each in self.slots if (each.slot, each.site) == (slot, site)), None)

    @property
    def given(self) -> tuple[SlotUse, ...]:
        """Of what the denoiser is given, slot by slot."""
        return tuple(each for each in self.slots if each.site == TEXT)


def write_use(run: Path, use: Use) -> None:
    """Write `use` atomically into the run directory `run`; NaN becomes ``null``."""
    write_json(run / USE, use)


def read_use(run: Path) -> Use | None:
    """What `write_use` wrote into the run directory `run`; None for a run without it.

    Raises:
        RunDirectoryError: the file cannot be read, or holds something else.
    """
    from pydantic import ValidationError

    path = run / USE
    if not path.exists():
        return None
    try:
        return _adapter().validate_python(read_json(path))
    except (OSError, ValueError, ValidationError) as err:
        raise RunDirectoryError(
            f"{path} does not hold what t2i-audit use writes; give t2i-audit use {run} again"
        ) from err


@cache
def _adapter() -> TypeAdapter[Use]:
    from pydantic import TypeAdapter

    return TypeAdapter(Use)
