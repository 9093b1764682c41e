"""The measures of one network: the checkpoint, one with random weights, or the words alone."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from t2i_audit.probes.features import FeatureBlock
from t2i_audit.probes.measures.explained import FoldErrors, explained, fold_errors
from t2i_audit.probes.measures.figure import Figure, Resamples
from t2i_audit.probes.measures.partners import ORDERS
from t2i_audit.probes.measures.sample import Sample
from t2i_audit.probes.measures.shared import Readout, read_shared, shared_sites
from t2i_audit.probes.reading import TargetReading
from t2i_audit.probes.threads import side_by_side
from t2i_audit.results.measures import PlaceMeasures
from t2i_audit.results.place import Place

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.integer]


@dataclass(eq=False)
class NetworkMeasures:
    """Collects the measures of a network block by block."""

    sample: Sample
    blocks: list[FeatureBlock] = field(default_factory=list)
    """At the words of slots; of these the shared readouts are made in the end."""
    errors: dict[str, tuple[FoldErrors, ...]] = field(default_factory=dict)
    """By slot, what each fold missed at the best place so far."""
    code: dict[str, FloatArray] = field(default_factory=dict)
    """By slot, the bits ``(orders, n)`` at the best place so far."""
    coded: dict[str, int] = field(default_factory=dict)
    """By slot, the places at which it was coded."""
    places: dict[tuple[Place, str], PlaceMeasures] = field(default_factory=dict)

    def read(
        self,
        block: FeatureBlock,
        readings: Iterable[TargetReading],
        bits: Mapping[str, FloatArray],
    ) -> None:
        """Take what the probes found at `block`, `readings`, and by slot the `bits` of its code."""
        self._explain(readings)
        if block.place.position.is_slot:
            self.blocks.append(block)
        for slot, own in bits.items():
            self._keep(block.place, slot, own)

    def _explain(self, readings: Iterable[TargetReading]) -> None:
        for reading in readings:
            slot, own = reading.task.target.name, fold_errors(reading)
            if slot in self.sample.labels:
                known = self.errors.get(slot, own)
                self.errors[slot] = tuple(
                    one.or_better(other) for one, other in zip(known, own, strict=True)
                )

    def _keep(self, place: Place, slot: str, bits: FloatArray) -> None:
        if np.isnan(bits).all():
            return
        self._put(place, slot, code_length=_mean_bits(bits))
        self.coded[slot] = self.coded.get(slot, 0) + 1
        if slot not in self.code or _rank(bits) < _rank(self.code[slot]):
            self.code[slot] = bits

    def _put(self, place: Place, slot: str, **values: float) -> None:
        known = self.places.get((place, slot), PlaceMeasures())
        self.places[place, slot] = replace(known, **values)

    def figures(self, resamples: Resamples) -> dict[str, dict[str, Figure]]:
        """By slot and name; what could not be computed is missing."""
        found: dict[str, dict[str, Figure]] = {}
        for slot, folds in self.errors.items():
            figure = explained(
                folds,
                self.sample.every_label[slot],
                len(self.sample.classes[slot]),
                rows=self.sample.rows,
                resamples=resamples,
            )
            if not math.isnan(figure.estimate):
                found.setdefault(slot, {})["r2"] = figure
        for slot, bits in self.code.items():
            coded = ~np.isnan(bits)
            figure = resamples.ratio(np.nan_to_num(bits)[..., None], coded[..., None])
            # The code has to say first which of the places it is made from.
            choice = math.log2(self.coded[slot]) / figure.n
            found.setdefault(slot, {})["code_length"] = figure.plus(choice)
        for slot, readouts in self._readouts().items():
            for name, each in zip(("shared_readout", "transferred_readout"), readouts, strict=True):
                found.setdefault(slot, {})[name] = self._accuracy(slot, each, resamples)
        return found

    def _readouts(self) -> dict[str, tuple[Readout, Readout]]:
        """The readouts of each slot, split by split at the layer that did best inside."""
        best: dict[str, tuple[Readout, Readout]] = {}
        sites = shared_sites(self.blocks, self.sample)
        found = side_by_side(lambda members: read_shared(members, self.sample), sites)
        for members, own in zip(sites, found, strict=True):
            for member in members:
                if member.slot not in own:
                    continue
                shared, transferred = own[member.slot]
                self._put(
                    member.block.place,
                    member.slot,
                    shared_readout=self._balanced(member.slot, shared),
                    transferred_readout=self._balanced(member.slot, transferred),
                )
                known = best.get(member.slot, own[member.slot])
                best[member.slot] = (
                    known[0].or_better(shared),
                    known[1].or_better(transferred),
                )
        return best

    def _cells(self, slot: str, readout: Readout) -> tuple[FloatArray, FloatArray]:
        """Read right and asked for, by order, prompt and class; both ``(orders, n, k)``."""
        by_order = readout.right.reshape(ORDERS, -1, readout.right.shape[1])
        asked = np.any(~np.isnan(by_order), axis=1)
        right = np.nansum(by_order, axis=1)
        own = np.eye(len(self.sample.classes[slot]))[self.sample.labels[slot]]
        return right[:, :, None] * own, asked[:, :, None] * own

    def _accuracy(self, slot: str, readout: Readout, resamples: Resamples) -> Figure:
        return resamples.ratio(*self._cells(slot, readout))

    def _balanced(self, slot: str, readout: Readout) -> float:
        right, asked = (each.sum(axis=1) for each in self._cells(slot, readout))
        return float(np.nanmean(right / np.where(asked > 0, asked, np.nan)))


def _mean_bits(bits: FloatArray) -> float:
    return float(np.nanmean(np.nanmean(bits, axis=1)))


def _rank(bits: FloatArray) -> tuple[int, float]:
    """A place that holds more prompts goes first, then one with a shorter code."""
    return -int((~np.isnan(bits)).any(axis=0).sum()), _mean_bits(bits)
