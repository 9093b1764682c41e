"""What a student provides: outputs, and the activations that a probe reads."""

from __future__ import annotations

from typing import Protocol

import torch

INPUT = "input"


class Student(Protocol):
    """Students of the same shape, one for each member; every parameter has the members first."""

    def __call__(self, encoding: torch.Tensor, inputs: torch.Tensor) -> torch.Tensor:
        """Outputs, ``(members, tasks, samples, output_size)``.

        Args:
            encoding: ``(members, tasks, encoding_size)``.
            inputs: ``(members, tasks, samples, input_size)``.
        """

    def read(
        self, encoding: torch.Tensor, inputs: torch.Tensor
    ) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        """Outputs, and for each probed place the activations at a task's last sample,
        ``(members, tasks, features)``; the first place, ``input``, is what the student receives.
        """

    def parameter_groups(self) -> tuple[list[torch.nn.Parameter], list[torch.nn.Parameter]]:
        """The parameters with weight decay, and those without."""
