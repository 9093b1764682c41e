"""States on their way to the host."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from t2i_audit.activations.host import on_host

NEEDS_CUDA = (
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU"),
)


@pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=NEEDS_CUDA)])
def test_states_arrive_as_they_were(device: str) -> None:
    made = torch.Generator().manual_seed(3)
    states = {name: torch.randn(64, 9, 33, generator=made) for name in "abc"}

    # Parts of larger arrays, whose values do not lie side by side.
    found = on_host({name: each.to(device)[:, 2] for name, each in states.items()})

    assert list(found) == list(states)
    for name, each in states.items():
        np.testing.assert_array_equal(found[name], each[:, 2].numpy())
