"""An error is blamed on the pipeline only if it arose in the pipeline."""

from __future__ import annotations

import pytest
import torch

from t2i_audit.generation.faults import is_from_a_hook, is_pipelines_own
from t2i_audit.pipelines.workarounds import one_time_per_row


class Denoiser(torch.nn.Module):
    def forward(self, hidden_states: torch.Tensor, timestep: torch.Tensor) -> torch.Tensor:
        return hidden_states @ timestep[:, None]


def test_an_error_in_a_hook_of_the_workarounds_is_not_the_pipelines() -> None:
    denoiser = Denoiser()
    with one_time_per_row(denoiser), pytest.raises(RuntimeError) as caught:
        # Tensors without values cannot be compared, as the hook does.
        denoiser(hidden_states=torch.zeros(2, 2), timestep=torch.zeros(3, device="meta"))

    assert is_from_a_hook(caught.value)
    assert not is_pipelines_own(caught.value)


def test_an_error_of_the_denoiser_itself_is_the_pipelines() -> None:
    denoiser = Denoiser()
    with one_time_per_row(denoiser), pytest.raises(RuntimeError) as caught:
        denoiser(hidden_states=torch.zeros(2, 2), timestep=torch.arange(3.0))

    assert is_pipelines_own(caught.value)
