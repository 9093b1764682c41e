"""Multilayer perceptrons on the task's encoding and the input, many trained as one batch."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import torch
from torch import nn

from synthetic.streams import stream, truncated_normal
from synthetic.students.base import INPUT


class EnsembleMLP(nn.Module):
    """ReLU networks of one shape, one for each of `seeds`.

    Initial weights are truncated normal with variance 1 / fan-in and biases zero, as in the
    official code of arXiv 2507.07207.
    """

    def __init__(
        self,
        seeds: Sequence[int],
        *,
        encoding_size: int,
        input_size: int,
        output_size: int,
        width: int,
        depth: int,
    ) -> None:
        super().__init__()
        self.encoding_size = encoding_size
        sizes = [encoding_size + input_size, *[width] * depth, output_size]
        rngs = [stream(seed, "student") for seed in seeds]
        self.weights = nn.ParameterList(
            torch.from_numpy(
                np.stack([truncated_normal(rng, (fan_in, fan_out), fan_in**-0.5) for rng in rngs])
            )
            for fan_in, fan_out in pairwise(sizes)
        )
        self.biases = nn.ParameterList(torch.zeros(len(rngs), 1, size) for size in sizes[1:])

    def forward(self, encoding: torch.Tensor, inputs: torch.Tensor) -> torch.Tensor:
        hidden = self._first(encoding, inputs)
        for weight, bias in zip(self.weights[1:-1], self.biases[1:-1], strict=True):
            hidden = torch.baddbmm(bias, hidden, weight).relu()
        outputs = torch.baddbmm(self.biases[-1], hidden, self.weights[-1])
        return outputs.view(*inputs.shape[:3], -1)

    def read(
        self, encoding: torch.Tensor, inputs: torch.Tensor
    ) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        def last_sample(rows: torch.Tensor) -> torch.Tensor:
            return rows.view(*inputs.shape[:3], -1)[:, :, -1]

        received = encoding if self.encoding_size else inputs[:, :, -1]
        hidden = self._first(encoding, inputs)
        places = {INPUT: received, "hidden_1": last_sample(hidden)}
        for index, weight in enumerate(self.weights[1:-1], start=1):
            hidden = torch.baddbmm(self.biases[index], hidden, weight).relu()
            places[f"hidden_{index + 1}"] = last_sample(hidden)
        outputs = torch.baddbmm(self.biases[-1], hidden, self.weights[-1])
        return outputs.view(*inputs.shape[:3], -1), places

    def parameter_groups(self) -> tuple[list[nn.Parameter], list[nn.Parameter]]:
        return list(self.weights), list(self.biases)

    def _first(self, encoding: torch.Tensor, inputs: torch.Tensor) -> torch.Tensor:
        """The first hidden layer, ``(members, tasks x samples, width)``.

        The encoding's contribution is computed once per task and not once per sample.
        """
        members, tasks, samples, input_size = inputs.shape
        weight = self.weights[0]
        rows = torch.bmm(inputs.reshape(members, -1, input_size), weight[:, self.encoding_size :])
        task = torch.baddbmm(self.biases[0], encoding, weight[:, : self.encoding_size])
        hidden = rows.view(members, tasks, samples, -1) + task[:, :, None]
        return hidden.relu_().view(members, tasks * samples, -1)
