"""Encodings: what they preserve, and that they can be inverted."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from synthetic.streams import stream
from synthetic.tasks.codes import LEVELS, draw_codes
from synthetic.tasks.encodings import INTERVALS, Invertible, Orthogonal, make_encoder
from synthetic.tasks.hyperteacher import Hyperteacher
from synthetic.tasks.preference import Preference
from synthetic.tasks.supports import masks
from t2i_audit.errors import AuditError

SEEDS = [0, 1]


@pytest.fixture
def family() -> Hyperteacher:
    return Hyperteacher.of(SEEDS, modules=6, active=3, input_size=4, hidden_size=4, output_size=4)


@pytest.fixture
def codes(family: Hyperteacher) -> torch.Tensor:
    rngs = [stream(seed, "codes") for seed in SEEDS]
    return draw_codes("discrete", [masks(family.compositions, 6)] * 2, 200, rngs)


@pytest.mark.parametrize("scale", [0.1, 1.5, 4.0])
def test_the_invertible_networks_inverse_is_exact(codes: torch.Tensor, scale: float) -> None:
    drawn = Invertible.of(6, SEEDS, scale=scale)
    encoder = Invertible(tuple(tuple(one.double() for one in layer) for layer in drawn.layers))

    encoded = encoder.encode(codes.double(), [])

    assert not torch.allclose(encoded, codes.double(), atol=0.01)
    torch.testing.assert_close(encoder.decode(encoded), codes.double(), atol=1e-9, rtol=0)


def test_an_odd_number_of_modules_cannot_be_halved() -> None:
    with pytest.raises(AuditError, match="even number of modules, not 5"):
        Invertible.of(5, SEEDS, scale=0.1)


def test_orthogonal_keeps_lengths_and_angles(codes: torch.Tensor) -> None:
    encoded = Orthogonal.of(6, SEEDS).encode(codes, [])

    torch.testing.assert_close(
        torch.bmm(encoded, encoded.mT), torch.bmm(codes, codes.mT), atol=1e-5, rtol=0
    )


def test_the_interval_shuffle_moves_intervals_and_keeps_their_inside(
    family: Hyperteacher,
) -> None:
    values = torch.linspace(0, 1, 601)[None, :, None].expand(2, -1, 6).contiguous()
    encoded = make_encoder("interval-shuffle", family, SEEDS).encode(values, [])

    inside = (values * INTERVALS) % 1
    away = (inside > 0.01) & (inside < 0.99)  # of the ends of an interval, where rounding decides
    torch.testing.assert_close(((encoded * INTERVALS) % 1)[away], inside[away], atol=1e-3, rtol=0)
    assert (encoded[:, -1] == 1).all()
    # Ten intervals are moved to ten different ones.
    middles = values[0, 30::60, 0][:INTERVALS]
    assert middles.shape == (INTERVALS,)
    moved = encoded[0, 30::60, 0][:INTERVALS]
    assert sorted((moved * INTERVALS).floor().int().tolist()) == list(range(INTERVALS))


def test_the_language_encoding_has_each_weight_in_tenths(
    family: Hyperteacher, codes: torch.Tensor
) -> None:
    encoded = make_encoder("language", family, SEEDS).encode(codes, [])

    weights = encoded.view(2, 200, 6, 11).argmax(dim=3) / 10
    torch.testing.assert_close(weights, codes, atol=1e-6, rtol=0)


def test_few_shot_examples_are_of_the_task_itself(
    family: Hyperteacher, codes: torch.Tensor
) -> None:
    encoder = make_encoder("few-shot", family, SEEDS)
    encoded = encoder.encode(codes, [stream(seed, "shots") for seed in SEEDS])

    shots = encoded.view(2, 200, 50, 8)
    expected = family.targets(codes, shots[..., :4])
    torch.testing.assert_close(shots[..., 4:], expected, atol=1e-5, rtol=0)


def test_few_shot_needs_regression() -> None:
    with pytest.raises(AuditError, match="hyperteacher"):
        make_encoder("few-shot", Preference.of([0], modules=2, active=1, features=3), [0])


@pytest.mark.parametrize(
    ("distribution", "low", "high"),
    [("discrete", 0.5, 1.0), ("k-hot", 1.0, 1.0), ("continuous", 0.5, 1.0)],
)
def test_codes_are_zero_or_in_range(
    family: Hyperteacher, distribution: str, low: float, high: float
) -> None:
    table = masks(family.compositions, 6)
    drawn = draw_codes(distribution, [table], 500, [stream(0, "codes")])[0].numpy()  # type: ignore[arg-type]

    active = drawn[drawn > 0]
    assert active.min() >= low
    assert active.max() <= high
    assert {tuple(row) for row in (drawn > 0).astype(np.float32)} <= {tuple(row) for row in table}
    if distribution == "discrete":
        assert set(np.unique(active)) == set(LEVELS)
