"""The network of the theorem: a ReLU network, constructed by hand, that computes a hyperteacher.

Redhardt, Akram and Schug (arXiv 2507.07207) show that O(1/sqrt(eps) + M) ReLU neurons approximate a
hyperteacher of M modules to an error eps. The teacher's first layer is a sum of products
``w_ij(z) x_i`` with weights ``w_ij(z) = sum_m z_m Theta_mij / sqrt(K)`` linear in the code, and
``w x = ((w + x)^2 - (w - x)^2) / 4``. Each of these 2 I H squares is interpolated on ``n`` equal
intervals, one ReLU each; on an interval of length ``d`` the error of a square is at most
``d^2 / 4`` (Yarotsky 2017 has the same count for deeper networks). So the error falls as
``1 / n^2``, and

    neurons = 2 I H n + H + 2 M,

where the 2 M carry the code through both hidden layers. Memorising would need at least one neuron
for each composition, exponentially many in K.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from synthetic.evaluation.probing import probe_place
from synthetic.evaluation.results import ProbeScore
from synthetic.streams import stream
from synthetic.tasks.codes import draw_codes
from synthetic.tasks.hyperteacher import Hyperteacher
from synthetic.tasks.supports import draw_support, masks
from t2i_audit.errors import AuditError

FloatArray = np.ndarray
TASKS = 1024  # of trained compositions, and as many of held-out ones, that a network is tested on


@dataclass(frozen=True, eq=False)
class Construction:
    """A network of two hidden ReLU layers on (code, input)."""

    weights: tuple[FloatArray, FloatArray, FloatArray]
    """Of each layer, ``(fan_in, fan_out)``."""
    biases: tuple[FloatArray, FloatArray, FloatArray]
    bound: float
    """Upper bound of the error of any output, for codes in [0, 1] with at most K non-zero entries
    and inputs in [-1, 1]."""

    @property
    def neurons(self) -> int:
        """Number of hidden neurons."""
        return sum(len(bias) for bias in self.biases[:-1])

    def read(self, codes: FloatArray, inputs: FloatArray) -> tuple[FloatArray, list[FloatArray]]:
        """Outputs and both layers' activations for rows of codes and inputs, ``(n, ...)``."""
        hidden = np.concatenate([codes, inputs], axis=1)
        layers = []
        for weight, bias in zip(self.weights[:-1], self.biases[:-1], strict=True):
            hidden = np.maximum(hidden @ weight + bias, 0)
            layers.append(hidden)
        return hidden @ self.weights[-1] + self.biases[-1], layers


@dataclass(frozen=True)
class ConstructionError:
    """The error of a network of one size."""

    intervals: int
    neurons: int
    bound: float
    measured: float
    """Largest error of an output on the test samples."""
    n: int
    """Number of test samples."""


@dataclass(frozen=True)
class ConstructionReport:
    """The positive control: error against size, and the scores of the probe."""

    sizes: tuple[ConstructionError, ...]
    slope: float
    """Of log measured error against log neurons; that of the bound is near -2."""
    bound_slope: float
    probes: tuple[ProbeScore, ...]
    """At the hidden layers of the largest network."""


def construct(teacher: Hyperteacher, eps: float, *, member: int = 0) -> Construction:
    """The network that computes one of `teacher`'s members with an error of at most `eps`.

    Raises:
        AuditError: `eps` is not above 0.
    """
    if not 0 < eps < math.inf:
        raise AuditError(f"the error of the construction should be above 0, not {eps:g}")
    _, _, readout, reach = _parameters(teacher, member)
    intervals = math.ceil(math.sqrt(_bound(readout, reach, 1) / eps))
    return build(teacher, max(1, intervals), member=member)


def build(teacher: Hyperteacher, intervals: int, *, member: int = 0) -> Construction:
    """The network with `intervals` intervals for each square."""
    theta, offsets, readout, reach = _parameters(teacher, member)
    modules, inputs, hidden = theta.shape
    squares = inputs * hidden
    first = np.zeros((modules + inputs, 2 * squares * intervals + modules))
    first_bias = np.zeros(first.shape[1])
    second = np.zeros((first.shape[1], hidden + modules))
    second_bias = np.zeros(hidden + modules)
    for pair, (i, j) in enumerate(np.ndindex(inputs, hidden)):
        length = 2 * reach[i, j] / intervals
        knots = -reach[i, j] + length * np.arange(intervals)
        # The slope on the first interval is the sum of its ends; each further interval adds
        # twice its length.
        slopes = np.full(intervals, 2 * length)
        slopes[0] = 2 * knots[0] + length
        for sign, half in ((1.0, 0), (-1.0, 1)):
            start = (2 * pair + half) * intervals
            units = slice(start, start + intervals)
            first[:modules, units] = theta[:, i, j, None]
            first[modules + i, units] = sign
            first_bias[units] = -knots
            second[units, j] += sign * slopes / 4
        # The values of the interpolants at the left ends cancel between the two squares.
    carried = np.arange(modules)
    first[carried, 2 * squares * intervals + carried] = 1
    second[2 * squares * intervals :, :hidden] = offsets
    second[2 * squares * intervals + carried, hidden + carried] = 1
    last = np.concatenate([readout, np.zeros((modules, readout.shape[1]))])
    return Construction(
        (first, second, last),
        (first_bias, second_bias, np.zeros(readout.shape[1])),
        _bound(readout, reach, intervals),
    )


def measure_construction(
    teacher: Hyperteacher, intervals: Sequence[int] = (2, 4, 8, 16, 32), *, seed: int = 0
) -> ConstructionReport:
    """Measure networks of growing size against the teacher's first member; probe the largest."""
    support = draw_support(
        "random", teacher.compositions, teacher.modules, 0.25, stream(seed, "support")
    )
    rng = stream(seed, "test")
    codes = np.concatenate(
        [
            draw_codes("discrete", [masks(part, teacher.modules)], TASKS, [rng])[0].double().numpy()
            for part in (support.train, support.held_out)
        ]
    )
    inputs = rng.uniform(-1, 1, (len(codes), teacher.input_size))
    truth = exact_outputs(teacher, codes, inputs)
    sizes: list[ConstructionError] = []
    layers: list[FloatArray] = []
    for count in intervals:
        network = build(teacher, count)
        outputs, layers = network.read(codes, inputs)
        error = float(np.abs(outputs - truth).max())
        sizes.append(ConstructionError(count, network.neurons, network.bound, error, len(codes)))
    probes = tuple(
        probe_place(
            f"hidden_{index}", (layer[:TASKS], layer[TASKS:]), (codes[:TASKS], codes[TASKS:])
        )
        for index, layer in enumerate(layers, start=1)
    )
    neurons = np.log([size.neurons for size in sizes])
    slope, bound_slope = (
        float(np.polyfit(neurons, np.log([getattr(size, name) for size in sizes]), 1)[0])
        for name in ("measured", "bound")
    )
    return ConstructionReport(tuple(sizes), slope, bound_slope, probes)


def exact_outputs(
    teacher: Hyperteacher, codes: FloatArray, inputs: FloatArray, *, member: int = 0
) -> FloatArray:
    """The teacher's outputs in double precision, ``(n, output_size)``."""
    theta, offsets, readout, _ = _parameters(teacher, member)
    hidden = np.einsum("nm,mij,ni->nj", codes, theta, inputs, optimize=True) + codes @ offsets
    outputs: FloatArray = np.maximum(hidden, 0) @ readout
    return outputs


def _parameters(
    teacher: Hyperteacher, member: int
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Theta and b over sqrt(K), Omega, and the maximum of ``|w_ij| + |x_i|``."""
    scale = math.sqrt(teacher.active)
    theta = teacher.weights[member].double().numpy() / scale
    offsets = teacher.biases[member].double().numpy() / scale
    largest = np.sort(np.abs(theta), axis=0)[-teacher.active :].sum(axis=0)
    return theta, offsets, teacher.readout[member].double().numpy(), largest + 1


def _bound(readout: FloatArray, reach: FloatArray, intervals: int) -> float:
    """Upper bound of the error of an output.

    Each square is too large by at most d^2 / 4, so a quarter of their difference is wrong by at
    most d^2 / 16 in either direction.
    """
    products = (2 * reach / intervals) ** 2 / 16
    return float((np.abs(readout) * products.sum(axis=0)[:, None]).sum(axis=0).max())
