"""The measures of one station, each beside its baseline and its control."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from prompts.structure import Prompt
from t2i_audit.probes.features import FeatureBlock, Target
from t2i_audit.probes.measures.coding import Coder
from t2i_audit.probes.measures.figure import Figure, Resamples
from t2i_audit.probes.measures.network import NetworkMeasures
from t2i_audit.probes.measures.sample import Sample
from t2i_audit.probes.reading import TargetReading
from t2i_audit.results.measures import PLACE_MEASURES, Measure, PlaceMeasures
from t2i_audit.results.place import Place, Position

FloatArray = NDArray[np.float64]

# Of these less is better.
LENGTHS = frozenset({"code_length"})


@dataclass(frozen=True, eq=False)
class StationMeasures:
    """Collects the measures of a station; call `read` of each network with each of its blocks."""

    own: NetworkMeasures
    random: tuple[NetworkMeasures, ...]
    """Of each draw of random weights."""
    words: NetworkMeasures
    coder: Coder
    resamples: Resamples

    @classmethod
    def of(
        cls,
        prompts: Sequence[Prompt],
        targets: Sequence[Target],
        *,
        draws: int,
        seed: int,
        resamples: int = 1000,
    ) -> StationMeasures:
        """Prepare for `prompts` whose slots are `targets`, and `draws` draws of random weights."""
        sample = Sample.of(prompts, targets, seed=seed)
        return cls(
            NetworkMeasures(sample),
            tuple(NetworkMeasures(sample) for _ in range(draws)),
            NetworkMeasures(sample),
            Coder(sample),
            Resamples.of(
                [prompt.composition for prompt in sample.prompts], seed=seed, resamples=resamples
            ),
        )

    def read_words(
        self,
        counts: FeatureBlock,
        readings: Iterable[TargetReading],
        bits: Mapping[str, FloatArray],
    ) -> None:
        """Read the words alone, from the `presence_block` of the prompts."""
        self.words.read(counts, readings, bits)
        # At the words of every slot there is nothing else either.
        self.words.blocks += [
            replace(counts, place=replace(counts.place, position=Position.of_slot(slot)))
            for slot in self.words.sample.labels
        ]

    def of_slots(self) -> dict[str, dict[str, Measure]]:
        """By slot and name of the measure, once every block was read."""
        own, words = self.own.figures(self.resamples), self.words.figures(self.resamples)
        draws = [each.figures(self.resamples) for each in self.random]
        return {
            slot: {
                name: self._measure(
                    name,
                    len(self.own.sample.classes[slot]),
                    figure,
                    words.get(slot, {}).get(name, self.resamples.undefined()),
                    [draw[slot][name] for draw in draws if name in draw.get(slot, {})],
                )
                for name, figure in figures.items()
            }
            for slot, figures in own.items()
        }

    def random_places(self) -> dict[tuple[Place, str], PlaceMeasures]:
        """The mean over draws of random weights of what each place gives for each slot."""
        keys = dict.fromkeys(key for each in self.random for key in each.places)
        return {
            key: PlaceMeasures(
                **{
                    name: float(np.mean([getattr(each, name) for each in drawn]))
                    for name in PLACE_MEASURES
                }
            )
            for key in keys
            for drawn in [[each.places[key] for each in self.random if key in each.places]]
        }

    def _measure(
        self, name: str, k: int, own: Figure, words: Figure, draws: Sequence[Figure]
    ) -> Measure:
        random = self.resamples.mean(draws)
        gain = random.minus(own) if name in LENGTHS else own.minus(random)
        guess = {"r2": 0.0, "code_length": math.log2(k)}.get(name, 1 / k)
        return Measure(own.interval, words.interval, random.interval, gain.interval, guess)
