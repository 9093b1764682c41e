"""The code lengths of every slot at one place."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from t2i_audit.probes.measures.code_length import code_lengths
from t2i_audit.probes.measures.partners import ORDERS, Split, halves, numbered
from t2i_audit.probes.measures.sample import Sample
from t2i_audit.probes.opened import OpenedBlock

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.integer]


@dataclass(frozen=True, eq=False)
class Coder:
    """Codes the prompts of a sample; equal splits are made once."""

    sample: Sample
    splits: dict[tuple[str, bytes], tuple[IntArray, tuple[Split, ...]]] = field(
        default_factory=dict
    )
    """Partner values and splits by slot and the prompts that have it."""

    def bits(self, opened: OpenedBlock) -> dict[str, FloatArray]:
        """By slot that may be read from the block the bits of each prompt, ``(orders, n)``."""
        block = opened.block
        held = np.flatnonzero(block.valid[self.sample.rows])
        slots = sorted(block.targets & self.sample.labels.keys())
        if not slots or not len(held):
            return {}
        kernel = opened.products(self.sample.rows[held])
        found = {}
        for slot in slots:
            labels = self.sample.labels[slot]
            there = labels[held] >= 0
            groups, splits = self._splits_of(slot, held[there])
            if not splits:
                continue
            bits = np.full((ORDERS, len(labels)), np.nan)
            bits[:, held[there]] = code_lengths(
                kernel if there.all() else kernel[np.ix_(there, there)],
                labels[held[there]],
                groups,
                splits,
                classes=len(self.sample.classes[slot]),
            )
            found[slot] = bits
        return found

    def _splits_of(self, slot: str, rows: IntArray) -> tuple[IntArray, tuple[Split, ...]]:
        key = slot, rows.tobytes()
        if key not in self.splits:
            groups = numbered([self.sample.partners[slot][row] for row in rows.tolist()])
            self.splits[key] = groups, halves(groups, seed=self.sample.seed)
        return self.splits[key]
