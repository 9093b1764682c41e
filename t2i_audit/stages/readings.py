"""What the text encoders read of a suite's prompts, and notes on prompts not read in full."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from prompts.structure import Prompt
from t2i_audit.activations.text.encode import EncodedSuite
from t2i_audit.activations.text.positions import EncoderReading

BoolArray = NDArray[np.bool_]

# An encoder that reads less than this share of the prompts that the best one reads is not probed:
# its figures would describe another suite, and the best place would be chosen by chance.
LEAST_HELD = 0.5


@dataclass(frozen=True, eq=False)
class Readings:
    """What each text encoder reads of each of `n` prompts."""

    by_encoder: Mapping[str, tuple[EncoderReading, ...]]
    held: Mapping[str, BoolArray]
    """Encoder that is probed -> ``(n,)`` prompts of which it reads every constituent."""
    left_out: Mapping[str, int]
    """Encoder that is not probed, as others read many more -> how many prompts it reads."""

    @classmethod
    def of(cls, parts: Sequence[EncodedSuite]) -> Readings:
        """The readings of a suite that was encoded in `parts`, one after the other."""
        names = list(dict.fromkeys(name for part in parts for name in part.tokens))
        by_encoder: dict[str, tuple[EncoderReading, ...]] = {}
        held: dict[str, BoolArray] = {}
        for name in names:
            readings: list[EncoderReading] = []
            found: list[BoolArray] = []
            for part in parts:
                n = len(next(iter(part.tokens.values())))
                # An encoder that did not run read none of the prompts.
                none: list[EncoderReading] = ["not_found"] * n
                readings += part.readings.get(name, none)
                found.append(part.held.get(name, np.zeros(n, dtype=bool)))
            by_encoder[name], held[name] = tuple(readings), np.concatenate(found)
        most = max(int(each.sum()) for each in held.values())
        few = {name: int(each.sum()) for name, each in held.items()}
        few = {name: count for name, count in few.items() if count < LEAST_HELD * most}
        return cls(by_encoder, {n: each for n, each in held.items() if n not in few}, few)

    @property
    def located(self) -> BoolArray:
        """``(n,)`` prompts of which an encoder that is probed reads every constituent."""
        return np.logical_or.reduce(list(self.held.values()))

    @property
    def read_whole(self) -> BoolArray:
        """``(n,)`` prompts that an encoder reads unchanged and to the end."""
        sound = ("whole", "not_finite")
        rows = [[each in sound for each in readings] for readings in self.by_encoder.values()]
        return np.logical_or.reduce(np.array(rows, dtype=bool), axis=0)

    def encoders_of(self, prompts: Sequence[Prompt]) -> dict[str, frozenset[str]]:
        """Id of each located prompt -> the encoders that read all its constituents."""
        return {
            prompts[row].id: frozenset(name for name, each in self.held.items() if each[row])
            for row in np.flatnonzero(self.located).tolist()
        }

    def notes(self, prompts: Sequence[Prompt], *, drawn: bool) -> tuple[str, ...]:
        """Sentences on the prompts that an encoder does not read in full, with their numbers.

        `drawn` says whether images of the prompts were made.
        """
        n = len(prompts)
        notes: list[str] = []
        every = np.array(list(self.by_encoder.values()))
        cut = (every == "cut_off").all(axis=0)
        if cut.any():
            notes.append(
                f"{_prompts(cut.sum(), n)} longer than the text encoder reads; the rest of "
                "their text is cut off."
            )
        for name, readings in self.by_encoder.items():
            notes += self._notes_of(name, np.array(readings), cut, prompts)
        bare = sum(not prompt.constituents for prompt in prompts)
        if drawn and 0 < bare < n:
            notes.append(
                f"{_prompts(bare, n)} without constituents: images of them were made and "
                "judged, but their failures are not attributed to a cause."
            )
        located = int(self.located.sum())
        also = f"; images of all {n} were made and judged" if drawn else ""
        if not any(prompt.constituents for prompt in prompts):
            notes.append(f"No prompt names constituents, so there is nothing to probe{also}.")
        elif not located:
            notes.append(
                "No prompt's words were all found in what a text encoder reads, so nothing was "
                f"probed{also}."
            )
        elif located < n:
            rest = "The probes, associations and causes rest" if drawn else "The probes rest"
            notes.append(
                f"{rest} on the {located} of {n} prompts whose words were found in what a text "
                f"encoder reads{also}; prompts.parquet names the others."
            )
        return tuple(notes)

    def _notes_of(
        self, name: str, readings: NDArray[np.str_], cut: BoolArray, prompts: Sequence[Prompt]
    ) -> list[str]:
        n = len(prompts)
        notes = []
        own_cut = (readings == "cut_off") & ~cut
        if own_cut.any():
            notes.append(
                f"{_prompts(own_cut.sum(), n)} longer than {name} reads, but not longer than "
                "another text encoder reads; it is not probed for these."
            )
        changed = readings == "changed"
        if changed.any():
            held = self.held.get(name, np.zeros(n, dtype=bool))
            notes.append(
                f"{_prompts(changed.sum(), n)} changed by the pipeline before {name} reads them, "
                f"{_example(prompts, changed)}: all their words were found in "
                f"{int((changed & held).sum())} of them."
            )
        lost = readings == "not_found"
        if lost.any():
            notes.append(
                f"{_prompts(lost.sum(), n)} not found in what {name} reads, "
                f"{_example(prompts, lost)}."
            )
        broken = readings == "not_finite"
        if broken.any():
            notes.append(
                f"{_prompts(broken.sum(), n)} encoded by {name} as states that are NaN or "
                "infinite, so it is not probed for these; another --dtype may help."
            )
        if name in self.left_out:
            notes.append(
                f"{name} is not probed at all: the words of {self.left_out[name]} of {n} prompts "
                "were found in what it reads, but more than twice as many in what another reads."
            )
        return notes


def _prompts(count: int, n: int) -> str:
    return f"{count} of {n} prompts {'is' if count == 1 else 'are'}"


def _example(prompts: Sequence[Prompt], those: BoolArray) -> str:
    return f"e.g. {prompts[int(np.argmax(those))].text!r}"
