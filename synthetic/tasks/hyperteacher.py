"""The hyperteacher: regression on a network whose weights are a sum of modules.

Redhardt, Akram and Schug (arXiv 2507.07207), compositional task family:
``y = Omega^T relu(sum_m (z_m / sqrt(K)) (Theta_m^T x + b_m))`` with ``x`` uniform in [-1, 1],
weights truncated normal with variance ``sqrt(3) / fan-in`` and biases uniform in [0, 0.5].
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch

from synthetic.streams import stream, truncated_normal
from synthetic.tasks.base import Loss, Samples
from synthetic.tasks.supports import Composition, all_compositions

WEIGHT_SCALE = math.sqrt(3)
LARGEST_BIAS = 0.5


@dataclass(frozen=True, eq=False)
class Hyperteacher:
    """Hyperteachers of the same sizes, one for each member."""

    weights: torch.Tensor
    """Theta, ``(members, modules, input_size, hidden_size)``."""
    biases: torch.Tensor
    """b, ``(members, modules, hidden_size)``."""
    readout: torch.Tensor
    """Omega, ``(members, hidden_size, output_size)``."""
    active: int
    """K, the most modules a task uses."""

    loss: Loss = "squared_error"

    @classmethod
    def of(
        cls,
        seeds: Sequence[int],
        *,
        modules: int,
        active: int,
        input_size: int,
        hidden_size: int,
        output_size: int,
    ) -> Hyperteacher:
        """Draw one teacher for each of `seeds`."""
        all_compositions(modules, active)  # raises if the sizes do not fit
        weights, biases, readouts = [], [], []
        for seed in seeds:
            rng = stream(seed, "teacher")
            shape = (modules, input_size, hidden_size)
            weights.append(truncated_normal(rng, shape, math.sqrt(WEIGHT_SCALE / input_size)))
            biases.append(rng.uniform(0, LARGEST_BIAS, (modules, hidden_size)).astype(np.float32))
            readouts.append(
                truncated_normal(
                    rng, (hidden_size, output_size), math.sqrt(WEIGHT_SCALE / hidden_size)
                )
            )
        stacked = [torch.from_numpy(np.stack(one)) for one in (weights, biases, readouts)]
        return cls(stacked[0], stacked[1], stacked[2], active)

    @property
    def modules(self) -> int:
        return self.weights.shape[1]

    @property
    def input_size(self) -> int:
        return self.weights.shape[2]

    @property
    def input_tokens(self) -> int:
        return 1

    @property
    def output_size(self) -> int:
        return self.readout.shape[2]

    @cached_property
    def compositions(self) -> tuple[Composition, ...]:
        """Every set of 1 to K modules."""
        return all_compositions(self.modules, self.active)

    def sample(
        self, codes: torch.Tensor, samples: int, rngs: Sequence[np.random.Generator]
    ) -> Samples:
        """Inputs in [-1, 1] and the teacher's outputs; the constituents are the code itself."""
        tasks = codes.shape[1]
        shape = (tasks, samples, self.input_size)
        drawn = np.stack([rng.random(shape, dtype=np.float32) for rng in rngs])
        inputs = torch.from_numpy(drawn).mul_(2).sub_(1)
        return Samples(inputs, self.targets(codes, inputs), codes)

    def targets(self, codes: torch.Tensor, inputs: torch.Tensor) -> torch.Tensor:
        """The teacher's outputs, ``(members, tasks, samples, output_size)``."""
        members, modules, input_size, hidden_size = self.weights.shape
        tasks, samples = inputs.shape[1:3]
        scaled = codes / math.sqrt(self.active)
        flat = self.weights.view(members, modules, input_size * hidden_size)
        weights = torch.bmm(scaled, flat).view(members * tasks, input_size, hidden_size)
        biases = torch.bmm(scaled, self.biases).view(members * tasks, 1, hidden_size)
        rows = inputs.reshape(members * tasks, samples, input_size)
        hidden = torch.baddbmm(biases, rows, weights).relu_()
        outputs = torch.bmm(hidden.view(members, tasks * samples, hidden_size), self.readout)
        return outputs.view(members, tasks, samples, self.output_size)
