"""The fast ways to gradients and products give the numbers of the plain ones."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from synthetic.settings import HierarchySettings, HyperteacherSettings, RunSettings
from synthetic.students.mlp import EnsembleMLP
from synthetic.training.ensemble import data_streams, make_ensemble, training_batches
from synthetic.training.gradients import BufferedGradients, gradients_of, member_losses
from synthetic.training.process_state import onednn_products

REGRESSION = RunSettings(
    HyperteacherSettings(modules=4, size=3), width=12, depth=2, steps=3, tasks=8, samples=3
)
CLASSIFICATION = RunSettings(
    HierarchySettings(symbols=4, synonyms=2, levels=2),
    codes="k-hot",
    width=12,
    depth=1,
    steps=3,
    tasks=8,
    samples=1,
)


@pytest.mark.parametrize("run", [REGRESSION, CLASSIFICATION], ids=["regression", "classes"])
def test_buffered_gradients_are_those_of_autograd_in_every_step(run: RunSettings) -> None:
    ensemble = make_ensemble([run, replace(run, seed=1)])
    student, loss = ensemble.student, ensemble.family.loss
    assert isinstance(student, EnsembleMLP)
    fast = gradients_of(student, loss, torch.device("cpu"), False)
    assert isinstance(fast, BufferedGradients)

    for batch in training_batches(ensemble, data_streams(ensemble)):
        losses = fast(batch)
        found = [one.grad.clone() for one in student.parameters() if one.grad is not None]
        expected = member_losses(loss, student(batch.encoding, batch.inputs), batch.targets)
        theirs = torch.autograd.grad(expected.sum(), list(student.parameters()))

        torch.testing.assert_close(losses, expected.detach(), rtol=1e-6, atol=1e-7)
        for one, other in zip(found, theirs, strict=True):
            torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-7)


def test_products_stay_exact_to_float32_and_the_setting_is_restored() -> None:
    products: Any = getattr(torch.backends.mkldnn, "matmul")  # noqa: B009
    before = products.fp32_precision
    one, other = torch.rand(2, 3, 70, 50, generator=torch.Generator().manual_seed(0))
    exact = (one.double() @ other.double().mT).numpy()

    with onednn_products():
        product = (one @ other.mT).numpy()

    np.testing.assert_allclose(product, exact, rtol=1e-6)
    assert products.fp32_precision == before
