"""Vectors that were read of a suite's prompts, by what they are, and the erasers fitted to them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from prompts.structure import Prompt
from t2i_audit.generation.noise import generator_of
from t2i_audit.interventions.arguments import TextArgument
from t2i_audit.interventions.folds import CompositionFolds
from t2i_audit.interventions.given import Given, Origin
from t2i_audit.interventions.leace import LinearEraser, Whitening
from t2i_audit.interventions.roles import Role

if TYPE_CHECKING:
    import torch

# Vectors kept of one prompt in one role, spread evenly: of padding there are hundreds.
KEPT = 4
# Training vectors by which a role has erasers of its own; those of a rarer one are of its group.
FEWEST_VECTORS = 30
ROUNDING = 8  # units in the last place, up to which vectors of two prompts count as the same


@dataclass(frozen=True, order=True)
class Station:
    """What a vector of the denoiser's input is: vectors of one station share an eraser."""

    argument: str
    encoder: str
    """Empty for what is no encoder's own."""
    role: Role


@dataclass(eq=False)
class ReadVectors:
    """Vectors of the prompts of a suite."""

    vectors: dict[Station, list[torch.Tensor]] = field(default_factory=dict)
    """On the CPU, in the dtype in which they were given; ``(d,)`` each."""
    owners: dict[Station, list[int]] = field(default_factory=dict)
    """The prompt of each vector."""

    def add(self, given: Given, rows: Mapping[int, int]) -> None:
        """Keep what was `given` for some rows of a batch: row -> index of its prompt."""
        for argument, sequences in given.vectors.items():
            for row, prompt in rows.items():
                places: dict[Station, list[int]] = {}
                for index, station in enumerate(stations(argument, given.origins[argument][row])):
                    if station is not None:
                        places.setdefault(station, []).append(index)
                for station, own in places.items():
                    kept = _spread(own, KEPT)
                    self.vectors.setdefault(station, []).extend(sequences[row][kept].cpu().unbind())
                    self.owners.setdefault(station, []).extend([prompt] * len(kept))


@dataclass(frozen=True, eq=False)
class Fitted:
    """The eraser of a slot and its random control; None if nothing depends on the slot."""

    eraser: LinearEraser | None = None
    control: LinearEraser | None = None


@dataclass(eq=False)
class Erasers:
    """Erasers of every slot, station and fold, fitted when they are first asked for.

    Those of the last slot alone are kept: an image is changed in one slot at a time.
    """

    prompts: tuple[Prompt, ...]
    folds: CompositionFolds
    read: ReadVectors
    seed: int
    _slot: str = ""
    _sources: dict[tuple[Station, int], tuple[Station, ...]] = field(default_factory=dict)
    """The stations to whose vectors the erasers of a station and fold are fitted."""
    _kept: dict[tuple[Station, int, int], Fitted] = field(default_factory=dict)
    """By the first of these stations, their number, and the fold."""
    _labels: dict[int, tuple[int, int]] = field(default_factory=dict)
    """Of each prompt that has the slot its fold and the number of its value."""

    def of(self, slot: str, station: Station, fold: int, *, random: bool) -> LinearEraser | None:
        """The eraser of `slot` at `station`, fitted on prompts outside of `fold`; None if in those
        prompts nothing there depends on the slot.

        Args:
            slot: one that has no `CompositionFolds.refusal`.
            station: what the vectors are.
            fold: of the prompts whose vectors are changed.
            random: of a random subspace of the same rank.
        """
        if slot != self._slot:
            self._slot, self._sources, self._kept = slot, {}, {}
            values = self.folds.values(slot)
            self._labels = {
                row: (self.folds.of[prompt.composition], values.index(part.value))
                for row, prompt in enumerate(self.prompts)
                if (part := prompt.constituent(slot)) and prompt.composition in self.folds.of
            }
        if (station, fold) not in self._sources:
            self._sources[station, fold] = self._sources_of(station, fold)
        sources = self._sources[station, fold]
        key = sources[0], len(sources), fold
        if key not in self._kept:
            self._kept[key] = self._fit(slot, sources, fold)
        return self._kept[key].control if random else self._kept[key].eraser

    def _fit(self, slot: str, sources: Sequence[Station], fold: int) -> Fitted:
        import torch

        values = self.folds.values(slot)
        vectors, labels = self._labelled(sources, fold)
        if len(set(labels)) < 2:
            return Fitted()
        x = torch.stack(vectors)
        whitening = Whitening.of(x, rounding=ROUNDING * torch.finfo(x.dtype).eps)
        eraser = whitening.eraser(torch.tensor(labels), len(values))
        if eraser.rank == 0:
            return Fitted()
        control = whitening.random(eraser.rank, generator_of(self.seed, slot, sources[0], fold))
        return Fitted(eraser.to(torch.float32), control.to(torch.float32))

    def _sources_of(self, station: Station, fold: int) -> tuple[Station, ...]:
        group = tuple(
            each
            for each in sorted(self.read.vectors)
            if (each.argument, each.encoder, each.role.group)
            == (station.argument, station.encoder, station.role.group)
        )
        enough = len(self._labelled([station], fold)[1]) >= FEWEST_VECTORS
        return (station,) if enough or not group else group

    def _labelled(self, of: Sequence[Station], fold: int) -> tuple[list[torch.Tensor], list[int]]:
        vectors, labels = [], []
        for station in of:
            pairs = zip(
                self.read.vectors.get(station, ()), self.read.owners.get(station, ()), strict=True
            )
            for vector, owner in pairs:
                known, label = self._labels.get(owner, (fold, 0))
                if known != fold:
                    vectors.append(vector)
                    labels.append(label)
        return vectors, labels


def stations(argument: TextArgument, origins: Sequence[Origin | None]) -> list[Station | None]:
    """The station of each vector of one prompt in `argument`."""
    return [
        None if each is None else Station(argument.name, each.encoder, each.role)
        for each in origins
    ]


def _spread(items: Sequence[int], most: int) -> list[int]:
    if len(items) <= most:
        return list(items)
    return [items[round(i * (len(items) - 1) / (most - 1))] for i in range(most)]
