"""A block of features while it is read: what all its fits share is made once."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from t2i_audit.probes.features import FeatureBlock
from t2i_audit.probes.kernel import Kernel, KernelPath, KernelSystem
from t2i_audit.probes.path import Path, System
from t2i_audit.probes.ridge import RidgePath, RidgeSystem
from t2i_audit.probes.rows import Rows

IntArray = NDArray[np.integer]

# Rows whose inner products are kept, 128 MiB.
MOST_IN_KERNEL = 4096


@dataclass(frozen=True, eq=False)
class OpenedBlock:
    """A block, and what is made of it once."""

    block: FeatureBlock
    converted: FeatureBlock
    """The same, in memory where that is small and its features are read more than once."""
    order: IntArray
    """``(n,)`` the prompts in the order in which sums are taken over them."""

    @classmethod
    def of(cls, block: FeatureBlock, order: IntArray | None = None) -> OpenedBlock:
        """Open `block`, of which nothing is read before it is asked for.

        Sums over prompts are in the `order`, ``(n,)``, or that of the block where there is none.
        """
        held = int(block.valid.sum())
        # Of a wide one only the inner products are asked for, and once.
        is_wide = held <= min(block.values.shape[1], MOST_IN_KERNEL)
        if order is None:
            order = np.arange(len(block.valid))
        return cls(block, block if is_wide else block.in_memory(), order)

    def rows(self, prompts: IntArray) -> Rows:
        """What is held of `prompts`, ``(m,)``."""
        return self.converted.rows(prompts)

    def path(self, prompts: IntArray) -> Path:
        """Factorise `prompts`, ``(m,)``, to fit them at every regularisation."""
        rows = self.rows(prompts)
        return KernelPath.of(self.kernel, rows) if self._is_wide(rows) else RidgePath.of(rows)

    def system(self, prompts: IntArray) -> System:
        """Sum up `prompts`, ``(m,)``, to fit them at few regularisations."""
        rows = self.rows(prompts)
        return KernelSystem.of(self.kernel, rows) if self._is_wide(rows) else RidgeSystem.of(rows)

    def products(self, prompts: IntArray) -> NDArray[np.float64]:
        """Inner products of `prompts`, less their mean, ``(m, m)``."""
        rows = self.rows(prompts)
        # Of some prompts of many they take less than the kernel of all.
        is_small = self._held <= MOST_IN_KERNEL
        return (self.kernel if is_small else Kernel.of(rows)).centred(rows)

    @cached_property
    def kernel(self) -> Kernel:
        """Inner products of all prompts that the block holds."""
        return Kernel.of(self.rows(self.order[self.block.valid[self.order]]))

    @property
    def _held(self) -> int:
        return int(self.block.valid.sum())

    def _is_wide(self, rows: Rows) -> bool:
        return len(rows) <= rows.width and self._held <= MOST_IN_KERNEL
