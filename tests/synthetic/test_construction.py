"""The constructed network of the theorem, and the additive floor."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from synthetic.evaluation.additive_floor import (
    CODE_LENGTH,
    Points,
    additive_kernel,
    additive_predictions,
    relu_kernel,
)
from synthetic.evaluation.construction import (
    build,
    construct,
    exact_outputs,
    measure_construction,
)
from synthetic.tasks.hyperteacher import Hyperteacher
from t2i_audit.errors import AuditError


def teacher(modules: int = 4) -> Hyperteacher:
    return Hyperteacher.of(
        [0], modules=modules, active=2, input_size=3, hidden_size=4, output_size=2
    )


def test_the_error_of_the_constructed_network_stays_within_its_bound() -> None:
    rng = np.random.default_rng(0)
    codes = np.zeros((500, 4))
    for row in codes:
        row[rng.choice(4, size=rng.integers(1, 3), replace=False)] = rng.uniform(0, 1)
    inputs = rng.uniform(-1, 1, (500, 3))
    truth = exact_outputs(teacher(), codes, inputs)

    for eps in (1.0, 0.1, 0.01):
        network = construct(teacher(), eps)
        outputs, _ = network.read(codes, inputs)
        assert network.bound <= eps
        assert np.abs(outputs - truth).max() <= network.bound


def test_neurons_grow_linearly_with_modules() -> None:
    sizes = [build(teacher(modules), 8).neurons for modules in (4, 8, 16)]

    # Each module needs one neuron in both layers: 2 M, and a number that does not depend on M.
    assert np.diff(sizes).tolist() == [8, 16]


def test_the_error_falls_with_the_square_of_the_neurons_and_the_probe_finds_the_code() -> None:
    # With 4 modules there are 10 compositions, too few to fit the probe well: R2 0.988 to 1.00.
    found = measure_construction(teacher(8), (4, 8, 16, 32))

    assert found.slope == pytest.approx(-2, abs=0.35)
    assert all(size.measured <= size.bound for size in found.sizes)
    assert all(probe.r2_held_out >= 0.99 for probe in found.probes)


def test_an_error_of_zero_is_refused() -> None:
    with pytest.raises(AuditError, match="above 0"):
        construct(teacher(), 0.0)


def points(rng: np.random.Generator, codes: np.ndarray, targets: np.ndarray) -> Points:
    return Points(rng.uniform(-1, 1, (len(codes), 2)), codes, targets)


def test_the_additive_kernel_sums_over_all_conjunctions() -> None:
    rng = np.random.default_rng(1)
    codes = rng.uniform(0.5, 1, (6, 4)) * (rng.random((6, 4)) < 0.6)
    one = points(rng, codes, np.zeros((6, 1)))

    expected = np.zeros((6, 6))
    for i, j in itertools.product(range(6), repeat=2):
        both = [m for m in range(4) if codes[i, m] > 0 and codes[j, m] > 0]
        for size in range(3):
            for members in itertools.combinations(both, size):
                distance = codes[i, list(members)] - codes[j, list(members)]
                expected[i, j] += np.exp(-((distance / CODE_LENGTH) ** 2).sum() / 2)
    expected *= relu_kernel(one.inputs, one.inputs)

    np.testing.assert_allclose(additive_kernel(one, one, order=2), expected, rtol=1e-4)


def test_the_additive_floor_adds_up_what_was_never_trained_together() -> None:
    rng = np.random.default_rng(2)
    train = np.array([[1, 1, 0], [0, 1, 1], [1, 0, 0], [0, 1, 0], [0, 0, 1]], dtype=float)

    def drawn(n: int) -> Points:
        codes = train[rng.integers(len(train), size=n)]
        inputs = rng.uniform(-1, 1, (n, 2))
        targets = np.exp(codes @ [1.0, 2.0, 3.0] / 2 + inputs[:, 0])
        return Points(inputs, codes, targets[:, None])

    def interaction(one: int, other: int) -> float:
        """What two modules do together beyond what each does alone, at one input."""
        codes = np.zeros((4, 3))
        codes[[0, 1], one] = codes[[0, 2], other] = 1
        test = Points(np.full((4, 2), 0.3), codes, np.zeros((4, 1)))
        both, first, second, none = additive_predictions(fit, check, test, order=2)[:, 0]
        return float(both - first - second + none)

    fit, check = drawn(300), drawn(100)

    assert abs(interaction(0, 1)) > 1
    assert interaction(0, 2) == pytest.approx(0, abs=1e-2)
