"""What is known of a judge's errors on one run: the contents of ``judge_card.json``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from t2i_audit.errors import RunDirectoryError
from t2i_audit.io import read_json, write_json
from t2i_audit.results.corrected import Corrected
from t2i_audit.results.interval import Interval, Number

if TYPE_CHECKING:
    from pydantic import TypeAdapter

CARDS = "judge_card.json"
SCHEMA_VERSION = 1


@dataclass(frozen=True)
class Agreement:
    """How a judge's verdicts agree with labels; every interval is clustered by prompt.

    The labels are weighted to stand for all judged images of the run. `n` of an interval counts
    the labels that it rests on: of `sensitivity` those that say right.
    """

    sensitivity: Interval
    """Share of the truly right that the judge calls right."""
    specificity: Interval
    """Share of the truly wrong that the judge calls wrong."""
    right_when_accepted: Interval
    """Share truly right of what the judge calls right: its positive predictive value."""
    wrong_when_rejected: Interval
    """Share truly wrong of what the judge calls wrong: its negative predictive value."""
    accuracy: Interval
    """Share on which judge and label agree."""
    kappa: Interval
    """Cohen's kappa."""
    alpha: Interval
    """Krippendorff's alpha of the judge against the raters' majority, nominal."""
    reason: str = ""
    """Why figures are undefined; empty where none is."""


@dataclass(frozen=True)
class ReliabilityBin:
    """Items to which a judge gives nearly the same probability."""

    probability: Number
    """Their mean probability."""
    right: Interval
    """The share of them that is truly right."""


@dataclass(frozen=True)
class Calibration:
    """Whether a judge's probabilities can be taken for what they say."""

    brier: Interval
    """Mean squared distance of the probability from the truth, 0 or 1 (Brier 1950)."""
    expected_error: Interval
    """Mean distance of a bin's probability from its share right (ECE; Naeini et al. 2015). It is
    above 0 by chance alone, the more so the fewer labels there are."""
    bins: tuple[ReliabilityBin, ...]
    """Of equal width; those without a label are left out."""


@dataclass(frozen=True)
class RaterAgreement:
    """How raters agree with each other; every `n` counts what two raters or more have rated."""

    alpha: Interval
    """Krippendorff's alpha, nominal, over all ratings."""
    kappa: Interval
    """Fleiss' kappa, over what the most common number of raters have rated."""
    raters: int
    """That number; 2 to 5 as a rule."""
    reason: str = ""
    """Why figures are undefined; empty where none is."""


@dataclass(frozen=True)
class Raters:
    """How the raters of a file of labels agree with each other, without a judge.

    `t2i_audit.compare_raters` makes it.

    >>> import t2i_audit as t2i
    >>> t2i.Raters("labels.csv", "smoke", 3, 6, {}).n_labels
    6
    """

    labels: str
    """The file, as the user wrote it."""
    suite: str
    n_images: int
    n_labels: int
    """Labels of these images, one for each rater."""
    agreement: dict[str, RaterAgreement]
    """On whole prompts (``overall``) and on each kind of slot."""
    notes: tuple[str, ...] = ()
    """How answers became labels, and what was left out."""


@dataclass(frozen=True)
class JudgeCard:
    """A judge's errors on the images of one run, and the rates corrected for them.

    >>> import t2i_audit as t2i
    >>> again = t2i.judge("runs/demo", "clip", out="runs/demo-clip")
    >>> card = t2i.calibrate("runs/demo-clip", labels="oracle")
    >>> card.judge, card.n_labels, card.overall.accuracy.n
    ('clip', 8, 8)
    """

    judge: str
    fingerprint: str
    """SHA-256 of all that the judge's verdicts depend on; empty if it is not recorded."""
    model: str
    suite: str
    labels: str
    """Where the labels came from, as the user wrote it."""
    n_labels: int
    """Images that were judged and labelled."""
    n_images: int
    """Images that were judged."""
    overall: Agreement
    """On whole prompts."""
    by_kind: dict[str, Agreement]
    """On slots, by their kind, e.g. ``colour``; empty where the judge or the labels have none."""
    calibration: Calibration | None
    """None where the judge gives no probabilities of whole prompts."""
    calibration_by_kind: dict[str, Calibration]
    raters: dict[str, RaterAgreement]
    """Agreement of the raters on whole prompts (``overall``) and on each kind of slot; empty where
    there is one rater."""
    corrected: Corrected
    notes: tuple[str, ...] = field(default=())
    """Sentences on labels that could not be used."""


@dataclass(frozen=True)
class JudgeCards:
    """The contents of ``judge_card.json``: one card for each judge."""

    cards: tuple[JudgeCard, ...]
    schema: int = SCHEMA_VERSION


def write_card(run: Path, card: JudgeCard) -> None:
    """Write `card` into the run directory `run`, in the place of an earlier one of that judge."""
    path = run / CARDS
    there = read_cards(path) if path.exists() else ()
    others = [each for each in there if each.judge != card.judge]
    write_json(path, JudgeCards((*others, card)))


def read_cards(path: Path) -> Sequence[JudgeCard]:
    """The cards in a file that `write_card` wrote.

    Raises:
        RunDirectoryError: `path` cannot be read or holds no cards.
    """
    from pydantic import ValidationError

    from t2i_audit.run.manifest import first_fault

    try:
        cards = _adapter().validate_python(read_json(path))
        if cards.schema != SCHEMA_VERSION:
            raise ValueError(f"its schema is {cards.schema} and not {SCHEMA_VERSION}")
    except ValidationError as err:
        raise _no_cards(path, first_fault(err)) from err
    except (OSError, ValueError) as err:
        raise _no_cards(path, str(err)) from err
    return cards.cards


@cache
def _adapter() -> TypeAdapter[JudgeCards]:
    from pydantic import TypeAdapter

    return TypeAdapter(JudgeCards)


def _no_cards(path: Path, why: str) -> RunDirectoryError:
    return RunDirectoryError(
        f"{path} holds no judge cards of t2i-audit ({why}); delete it and calibrate again"
    )
