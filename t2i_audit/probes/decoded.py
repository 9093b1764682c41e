"""What the probes of one station found: at every place, and for each slot."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from t2i_audit.results.decoding import Verdict
from t2i_audit.results.interval import Interval
from t2i_audit.results.measures import Measure, PlaceMeasures
from t2i_audit.results.place import Place

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class PlaceReading:
    """One target decoded at one place."""

    place: Place
    slot: str
    r2: float
    balanced_accuracy: Interval
    shuffled_balanced_accuracy: float
    chance: float
    """One over the number of classes; a guess does better where tests are masked."""
    masked: int


@dataclass(frozen=True, eq=False)
class SlotDecodability:
    """How decodable one slot is, with layer and position chosen inside the training folds."""

    probability: FloatArray
    """``(n,)`` mean over folds of the true value's out-of-fold probability; NaN if not read."""
    lower: FloatArray
    """``(n,)`` the mean less one standard error, that of fitting the probe anew."""
    upper: FloatArray
    presence_probability: FloatArray
    """``(n,)`` what the words-alone baseline gives the true value."""
    selected: dict[Place, int]
    """How many folds chose each place."""


@dataclass(frozen=True)
class SlotProbe:
    """A slot's figure and its controls, all with the same choice of layer and position."""

    balanced_accuracy: Interval
    presence_balanced_accuracy: Interval
    shuffled_balanced_accuracy: Interval
    layer_0_balanced_accuracy: Interval
    random_weights_balanced_accuracy: Interval
    gain_over_random_weights: Interval
    chance: float
    verdict: Verdict
    reason: str = ""
    """Why the verdict is undefined or unclear; empty where it is neither."""
    threshold: float = math.nan
    """The balanced accuracy from which the slot counts as decodable."""
    recalls: dict[str, Interval] = field(default_factory=dict)
    """By value, the share of its prompts that are read right; empty for a presence."""
    read_as: dict[str, str] = field(default_factory=dict)
    """By value that is lost, alone or on average with the other, the other value that most of its
    wrong readings say."""
    measures: Mapping[str, Measure] = field(default_factory=dict)
    """By name, what does not saturate."""


@dataclass(frozen=True, eq=False)
class StationProbes:
    """All that was read at one station, of `n` prompts."""

    places: tuple[PlaceReading, ...]
    random_places: tuple[PlaceReading, ...]
    """The same places, once for each draw of random weights."""
    slots: dict[str, SlotProbe]
    decodability: dict[str, SlotDecodability]
    """Of the slots that were read."""
    measured: Mapping[tuple[Place, str], PlaceMeasures] = field(default_factory=dict)
    """By place and slot."""
    random_measured: Mapping[tuple[Place, str], PlaceMeasures] = field(default_factory=dict)
    """The same, mean over the draws of random weights."""

    def spread(self, rows: Sequence[int], n: int) -> StationProbes:
        """The same of `n` prompts, of which those at `rows` were read; NaN for the others."""
        places = np.asarray(rows, dtype=int)

        def at_rows(values: FloatArray) -> FloatArray:
            every = np.full(n, np.nan)
            every[places] = values
            return every

        return replace(
            self,
            decodability={
                slot: SlotDecodability(
                    at_rows(read.probability),
                    at_rows(read.lower),
                    at_rows(read.upper),
                    at_rows(read.presence_probability),
                    read.selected,
                )
                for slot, read in self.decodability.items()
            },
        )


NOTHING = StationProbes((), (), {}, {})
"""Of a station at which there was nothing to read."""
