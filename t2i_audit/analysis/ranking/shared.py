"""The verdicts of several runs side by side, over the prompts that all of them judged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from t2i_audit.results.outcomes import Outcomes

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class SharedVerdicts:
    """The `p` prompts of which each of `k` runs has a judged image, in `c` compositions."""

    right: FloatArray
    """Right images of each run and prompt, ``(k, p)``."""
    judged: FloatArray
    """Images with a verdict, ``(k, p)``."""
    composition: NDArray[np.int64]
    """From 0, ``(p,)``."""
    left_out: int
    """Prompts that some run judged and another did not."""

    @property
    def n_compositions(self) -> int:
        """Different compositions."""
        return int(self.composition.max()) + 1 if self.composition.size else 0

    def by_composition(self) -> tuple[FloatArray, FloatArray]:
        """`right` and `judged`, summed over each composition, both ``(k, c)``."""
        belongs = np.zeros((len(self.composition), self.n_compositions))
        belongs[np.arange(len(self.composition)), self.composition] = 1
        return self.right @ belongs, self.judged @ belongs


def shared_verdicts(runs: Sequence[Outcomes]) -> SharedVerdicts:
    """Set `runs`, at least one, side by side."""
    first = runs[0].prompts
    row_of = {key: row for row, key in enumerate(first.keys)}
    shape = (len(runs), len(first.keys))
    right, judged = np.zeros(shape), np.zeros(shape)
    judged_somewhere = set[str]()
    for index, run in enumerate(runs):
        if run.prompts is first:
            right[index], judged[index] = run.right, run.judged
        else:
            here = np.array([row_of.get(key, -1) for key in run.prompts.keys], dtype=np.int64)
            right[index, here[here >= 0]] = run.right[here >= 0]
            judged[index, here[here >= 0]] = run.judged[here >= 0]
            judged_somewhere.update(
                key for key, n in zip(run.prompts.keys, run.judged, strict=True) if n
            )
    everywhere = (judged > 0).all(axis=0)
    judged_somewhere.update(first.keys[row] for row in np.flatnonzero((judged > 0).any(axis=0)))
    compositions = np.array(first.compositions)[everywhere]
    return SharedVerdicts(
        right[:, everywhere],
        judged[:, everywhere],
        np.unique(compositions, return_inverse=True)[1].astype(np.int64),
        left_out=len(judged_somewhere) - int(everywhere.sum()),
    )
