"""The risk that prompts fail, said before there is an image of them."""

from __future__ import annotations

from dataclasses import dataclass

from t2i_audit.results.interval import Interval, Number


@dataclass(frozen=True)
class ReliabilityPoint:
    """Prompts of the run with nearly the same forecast."""

    risk: Number
    """Their mean forecast."""
    failed: Interval
    """The share of their images that is wrong; `n` counts images."""


@dataclass(frozen=True)
class Trust:
    """How well forecasts of compositions hold that the model of the risk was not fitted to.

    Every prompt of the run is forecast from the prompts that share none of its compositions. The
    intervals are for compositions in general; every `n` counts judged images.
    """

    auroc: Interval
    """Chance that a wrong image's prompt has a higher forecast than a right image's, ties one
    half."""
    auroc_within_types: Interval
    """The same, with every wrong image compared to right images of its own prompt type."""
    brier: Interval
    """Mean squared distance of the forecast from the outcome, 0 or 1 (Brier 1950)."""
    gain: Interval
    """By how much `brier` is smaller than that of the overall rate, ``rate * (1 - rate)``."""
    calibration_error: Interval
    """Mean distance of a bin's forecast from its share of wrong images (ECE; Naeini et al. 2015).
    It is above 0 by chance alone."""
    calibration_error_by_chance: Number
    """What it would be on average if every forecast were exact."""
    reliability: tuple[ReliabilityPoint, ...]
    """In order of the forecast; each has a tenth of the forecast's range."""
    n_prompts: int
    n_compositions: int
    """Different pairs of constituents in these prompts."""
    n_types: int
    """Prompt types among them."""


@dataclass(frozen=True)
class SlotRisk:
    """The risk that one constituent is drawn wrong."""

    slot: str
    kind: str
    value: str
    risk: Interval
    """`n` counts the judged images that it rests on."""


@dataclass(frozen=True)
class PromptForecast:
    """The forecast of one prompt."""

    prompt_id: str
    text: str
    type: str
    risk: Interval
    """The chance that an image of it is wrong; `n` counts the judged images that it rests on."""
    slots: tuple[SlotRisk, ...]
    """Riskiest first; empty where the judge does not judge slots, or nothing can be forecast."""
    outside: tuple[str, ...]
    """What of the prompt the run never showed, in words; empty where it is in the run's range."""


@dataclass(frozen=True)
class Forecast:
    """Forecasts of new prompts on the model of a run, and how far to trust them.

    `t2i_audit.forecast` makes it.

    >>> import t2i_audit as t2i
    >>> found = t2i.forecast("runs/demo", "world-smoke")
    >>> found.can_forecast, len(found.prompts)
    (False, 48)
    """

    model: str
    suite: str
    """Of the run."""
    judge: str
    n_seeds: int
    base_rate: Interval
    """The share of the run's judged images that is wrong."""
    can_forecast: bool
    """Whether forecasts of unseen compositions tell wrong from right images at all. Otherwise every
    prompt gets `base_rate`."""
    reason: str
    """Why nothing can be forecast; empty where it can."""
    trust: Trust
    slots: dict[str, Interval]
    """By kind of constituent, the AUROC of the forecasts of its slots, as in `Trust.auroc`."""
    prompts: tuple[PromptForecast, ...]
    """In the order in which they were given."""
    notes: tuple[str, ...]
    """Sentences that the figures should not be read without."""
    seed: int
    """Of the groups of compositions that are left out together."""

    def riskiest(self) -> tuple[PromptForecast, ...]:
        """All prompts, riskiest first; equal ones stay in their order."""
        return tuple(sorted(self.prompts, key=lambda each: -each.risk.estimate))
