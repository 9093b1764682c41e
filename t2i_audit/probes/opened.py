"""A block of features while it is read: what all its fits share is made once."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from t2i_audit.probes.features import FeatureBlock
from t2i_audit.probes.kernel import Kernel, KernelSystem, UnkeptProducts
from t2i_audit.probes.narrow import NarrowSystem
from t2i_audit.probes.rows import Rows
from t2i_audit.probes.system import System

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

    def system(self, prompts: IntArray) -> System:
        """Sum up `prompts`, ``(m,)``, to fit them."""
        rows = self.rows(prompts)
        if len(rows) > rows.width:
            return NarrowSystem.of(rows)
        return KernelSystem.of(self.kernel if self._is_kept else UnkeptProducts(), rows)

    def products(self, prompts: IntArray) -> NDArray[np.float64]:
        """Inner products of `prompts`, less their mean, ``(m, m)``."""
        products = self.kernel if self._is_kept else UnkeptProducts()
        return KernelSystem.of(products, self.rows(prompts)).matrix

    @cached_property
    def kernel(self) -> Kernel:
        """Inner products of all prompts that the block holds."""
        return Kernel.of(self.rows(self.order[self.block.valid[self.order]]))

    @property
    def _is_kept(self) -> bool:
        return int(self.block.valid.sum()) <= MOST_IN_KERNEL
