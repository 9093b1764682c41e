"""What a task family provides: its compositions, its data and its constituents.

A family object holds several *members* at once, one for each seed: same sizes, different
parameters. The first dimension of every tensor is the members, so that the students of all members
train as one batched computation; a single family is one member.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    import numpy as np
    import torch

    from synthetic.tasks.supports import Composition

Loss = Literal["squared_error", "cross_entropy"]


@dataclass(frozen=True, eq=False)
class Samples:
    """Data of several tasks of each member."""

    inputs: torch.Tensor
    """``(members, tasks, samples, input_size)``."""
    targets: torch.Tensor
    """``(members, tasks, samples, output_size)``, or class indices ``(members, tasks, samples)``
    under cross-entropy; -1 marks a sample that is ignored."""
    constituents: torch.Tensor
    """What a probe has to decode at a task's last sample, ``(members, tasks, k)``: real values, or
    class indices (int64) if the family is categorical."""


class TaskFamily(Protocol):
    """A task family with its members' parameters."""

    @property
    def loss(self) -> Loss: ...

    @property
    def modules(self) -> int:
        """Entries of a code."""

    @property
    def input_size(self) -> int: ...

    @property
    def input_tokens(self) -> int:
        """Number of equal parts of an input, a transformer's tokens; divides `input_size`."""

    @property
    def output_size(self) -> int: ...

    @property
    def compositions(self) -> tuple[Composition, ...]:
        """All possible compositions of modules."""

    def sample(
        self, codes: torch.Tensor, samples: int, rngs: Sequence[np.random.Generator]
    ) -> Samples:
        """Draw `samples` samples for each task.

        Args:
            codes: ``(members, tasks, modules)``.
            samples: samples per task.
            rngs: one generator per member.
        """
