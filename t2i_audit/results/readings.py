"""One probe of a run: a row of the table ``probes`` as a type."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from t2i_audit.results.interval import Interval
from t2i_audit.results.measures import PLACE_MEASURES, PlaceMeasures
from t2i_audit.results.place import Place

NETWORKS = ("", "random_weights_", "presence_")
"""What the columns of the network itself, the control and the baseline begin with."""


@dataclass(frozen=True)
class ProbeReading:
    """One slot (or the presence of one kind of constituent) decoded at one place."""

    station: str
    """``text_encoder`` or ``denoiser``."""
    place: Place
    slot: str
    """The slot, or ``presence.KIND``."""
    masked: int
    """Tests left out because the fold's training rows lack the class."""
    n_classes: int
    chance: float
    """Balanced accuracy of a guess: 1 / `n_classes`."""
    r2: float
    """Variance explained out of fold, mean over the one-hot outputs."""
    balanced_accuracy: Interval
    """Its `n` counts the prompts that have an out-of-fold prediction."""
    shuffled_balanced_accuracy: float
    random_weights_balanced_accuracy: float
    """At the same layer of the same architecture with random weights; NaN if that was not run."""
    presence_balanced_accuracy: float
    """The words-alone baseline of the slot."""
    random_weights_r2: float = math.nan
    presence_r2: float = math.nan
    measures: PlaceMeasures = field(default_factory=PlaceMeasures)
    """What does not saturate where the accuracy does."""
    random_weights_measures: PlaceMeasures = field(default_factory=PlaceMeasures)
    presence_measures: PlaceMeasures = field(default_factory=PlaceMeasures)

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> ProbeReading:
        """Read a row of the table."""
        return cls(
            station=row["station"],
            place=Place.parse(row["encoder"], row["layer"], row["position"]),
            slot=row["slot"],
            masked=row["masked"],
            n_classes=row["n_classes"],
            chance=row["chance"],
            r2=row["r2"],
            balanced_accuracy=Interval(
                row["balanced_accuracy"],
                row["balanced_accuracy_lower"],
                row["balanced_accuracy_upper"],
                row["n"],
            ),
            shuffled_balanced_accuracy=row["shuffled_balanced_accuracy"],
            random_weights_balanced_accuracy=row["random_weights_balanced_accuracy"],
            presence_balanced_accuracy=row["presence_balanced_accuracy"],
            random_weights_r2=row["random_weights_r2"],
            presence_r2=row["presence_r2"],
            **{
                f"{network}measures": PlaceMeasures(
                    **{name: row[f"{network}{name}"] for name in PLACE_MEASURES}
                )
                for network in NETWORKS
            },
        )

    def to_row(self) -> dict[str, Any]:
        """The row of the table."""
        return {
            "station": self.station,
            **self.place.to_row(),
            "slot": self.slot,
            "n": self.balanced_accuracy.n,
            "masked": self.masked,
            "n_classes": self.n_classes,
            "chance": self.chance,
            "r2": self.r2,
            "balanced_accuracy": self.balanced_accuracy.estimate,
            "balanced_accuracy_lower": self.balanced_accuracy.lower,
            "balanced_accuracy_upper": self.balanced_accuracy.upper,
            "shuffled_balanced_accuracy": self.shuffled_balanced_accuracy,
            "random_weights_balanced_accuracy": self.random_weights_balanced_accuracy,
            "presence_balanced_accuracy": self.presence_balanced_accuracy,
            "random_weights_r2": self.random_weights_r2,
            "presence_r2": self.presence_r2,
            **{
                f"{network}{name}": getattr(getattr(self, f"{network}measures"), name)
                for name in PLACE_MEASURES
                for network in NETWORKS
            },
        }
