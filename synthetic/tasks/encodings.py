"""Task encodings: the form in which a student receives the code of its task.

All follow Redhardt, Akram and Schug (arXiv 2507.07207) and its official configuration. An encoder
holds its parameters for every member of a family and returns ``(members, tasks, size)`` values;
`tokens` is the number of equal parts into which a transformer splits them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch

from synthetic.settings import NO_ENCODING, EncodingName
from synthetic.streams import stream
from synthetic.tasks.base import TaskFamily
from t2i_audit.errors import AuditError

INTERVALS = 10
# Weights are rounded down to tenths, 0 to 10.
WEIGHT_TOKENS = 11
COUPLING_LAYERS = 3
SHOTS = 50
# A product such as 10 x 0.6 may fall just short of a whole number in float32.
ROUNDING = 1e-4


class Encoder(Protocol):
    """Turns codes into the values that a student receives."""

    @property
    def size(self) -> int:
        """Values per task."""

    @property
    def tokens(self) -> int:
        """Number of equal parts of the values, which are a transformer's tokens; divides `size`."""

    def encode(self, codes: torch.Tensor, rngs: Sequence[np.random.Generator]) -> torch.Tensor:
        """``(members, tasks, modules)`` codes as ``(members, tasks, size)`` values."""


def make_encoder(
    name: EncodingName, family: TaskFamily, seeds: Sequence[int], *, invertible_scale: float = 0.1
) -> Encoder:
    """The encoder `name`, with its own parameters for each of `seeds`.

    Args:
        name: the encoding.
        family: the task family; few-shot draws its examples from it.
        seeds: one for each member of `family`.
        invertible_scale: standard deviation of the invertible network's weights.

    Raises:
        AuditError: few-shot with a family that is not a regression, or invertible with an odd
            number of modules.
    """
    modules = family.modules
    if name == "identity":
        return Identity(modules)
    if name == "orthogonal":
        return Orthogonal.of(modules, seeds)
    if name == "language":
        return Language(modules)
    if name == "invertible":
        return Invertible.of(modules, seeds, scale=invertible_scale)
    if name == "interval-shuffle":
        return IntervalShuffle.of(modules, seeds)
    if name == NO_ENCODING:
        return NoEncoding()
    if family.loss != "squared_error":
        raise AuditError("the few-shot encoding needs a family of regression tasks: hyperteacher")
    return FewShot(family)


@dataclass(frozen=True)
class NoEncoding:
    """No values at all: the inputs themselves identify the task."""

    size: int = 0
    tokens: int = 0

    def encode(self, codes: torch.Tensor, rngs: Sequence[np.random.Generator]) -> torch.Tensor:
        return codes[:, :, :0]


@dataclass(frozen=True)
class Identity:
    """The code itself."""

    size: int

    @property
    def tokens(self) -> int:
        return self.size

    def encode(self, codes: torch.Tensor, rngs: Sequence[np.random.Generator]) -> torch.Tensor:
        return codes


@dataclass(frozen=True, eq=False)
class Orthogonal:
    """The code times a fixed random orthogonal matrix."""

    matrices: torch.Tensor
    """``(members, modules, modules)``."""

    @classmethod
    def of(cls, modules: int, seeds: Sequence[int]) -> Orthogonal:
        matrices = []
        for seed in seeds:
            q, r = np.linalg.qr(stream(seed, "encoding").normal(size=(modules, modules)))
            # The signs make the distribution uniform over rotations (Mezzadri 2007).
            matrices.append(q * np.sign(np.diagonal(r)))
        return cls(torch.tensor(np.stack(matrices), dtype=torch.float32))

    @property
    def size(self) -> int:
        return self.matrices.shape[1]

    @property
    def tokens(self) -> int:
        return self.size

    def encode(self, codes: torch.Tensor, rngs: Sequence[np.random.Generator]) -> torch.Tensor:
        return torch.bmm(codes, self.matrices)


@dataclass(frozen=True)
class Language:
    """A token sequence: module 1, its weight in tenths, module 2, its weight, and so on.

    Each module's name always has the same position, so only the weight tokens carry information.
    They are one-hot vectors; a linear layer on these is an embedding table. The position embeddings
    of a transformer stand for the module names.
    """

    modules: int

    @property
    def size(self) -> int:
        return self.modules * WEIGHT_TOKENS

    @property
    def tokens(self) -> int:
        return self.modules

    def encode(self, codes: torch.Tensor, rngs: Sequence[np.random.Generator]) -> torch.Tensor:
        weights = torch.floor(codes * (WEIGHT_TOKENS - 1) + ROUNDING).long()
        return torch.nn.functional.one_hot(weights, WEIGHT_TOKENS).flatten(2).float()


@dataclass(frozen=True, eq=False)
class Invertible:
    """A random invertible network of coupling layers (Dinh et al. 2017): each scales and shifts one
    half of the values by the outputs of a small network on the other half."""

    layers: tuple[tuple[torch.Tensor, ...], ...]
    """For each layer three weight matrices, whose first dimension is the members."""

    @classmethod
    def of(cls, modules: int, seeds: Sequence[int], *, scale: float) -> Invertible:
        """Draw the weights from a normal distribution of standard deviation `scale`; no biases.

        Raises:
            AuditError: the number of modules is odd.
        """
        if modules % 2:
            raise AuditError(
                f"the invertible encoding needs an even number of modules, not {modules}; change "
                "--modules"
            )
        half, hidden = modules // 2, 2 * modules
        rngs = [stream(seed, "encoding") for seed in seeds]
        shapes = ((half, hidden), (hidden, hidden), (hidden, 2 * half))
        return cls(
            tuple(
                tuple(
                    torch.tensor(
                        np.stack([rng.normal(0, scale, shape) for rng in rngs]),
                        dtype=torch.float32,
                    )
                    for shape in shapes
                )
                for _ in range(COUPLING_LAYERS)
            )
        )

    @property
    def size(self) -> int:
        return 2 * self.layers[0][0].shape[1]

    @property
    def tokens(self) -> int:
        return self.size

    def encode(self, codes: torch.Tensor, rngs: Sequence[np.random.Generator]) -> torch.Tensor:
        values = codes
        for index, layer in enumerate(self.layers):
            unchanged, changed = _halves(values, index)
            factor, shift = _factor_and_shift(layer, unchanged)
            values = _joined(unchanged, changed * factor + shift, index)
        return values

    def decode(self, values: torch.Tensor) -> torch.Tensor:
        """The codes of which `values` are the encoding."""
        for index in reversed(range(len(self.layers))):
            unchanged, changed = _halves(values, index)
            factor, shift = _factor_and_shift(self.layers[index], unchanged)
            values = _joined(unchanged, (changed - shift) / factor, index)
        return values


@dataclass(frozen=True, eq=False)
class IntervalShuffle:
    """[0, 1) is cut into ten intervals, which are permuted; an entry of exactly 1 is unchanged."""

    permutations: torch.Tensor
    """``(members, intervals)``."""
    size: int

    @classmethod
    def of(cls, modules: int, seeds: Sequence[int]) -> IntervalShuffle:
        rows = [stream(seed, "encoding").permutation(INTERVALS) for seed in seeds]
        return cls(torch.from_numpy(np.stack(rows)), modules)

    @property
    def tokens(self) -> int:
        return self.size

    def encode(self, codes: torch.Tensor, rngs: Sequence[np.random.Generator]) -> torch.Tensor:
        interval = torch.floor(codes * INTERVALS + ROUNDING).long().clamp_(0, INTERVALS - 1)
        moved = torch.gather(self.permutations, 1, interval.flatten(1)).view(interval.shape)
        shuffled = codes + (moved - interval) / INTERVALS
        return torch.where(codes == 1, codes, shuffled)


@dataclass(frozen=True)
class FewShot:
    """New examples (x, y) of the task, flattened, in place of its code."""

    family: TaskFamily
    shots: int = SHOTS

    @property
    def size(self) -> int:
        return self.shots * (self.family.input_size + self.family.output_size)

    @property
    def tokens(self) -> int:
        return self.shots

    def encode(self, codes: torch.Tensor, rngs: Sequence[np.random.Generator]) -> torch.Tensor:
        samples = self.family.sample(codes, self.shots, rngs)
        return torch.cat((samples.inputs, samples.targets), dim=3).flatten(2)


def _halves(values: torch.Tensor, layer: int) -> tuple[torch.Tensor, torch.Tensor]:
    """The half that `layer` keeps and the half that it changes; these alternate between layers."""
    first, second = values.chunk(2, dim=2)
    return (second, first) if layer % 2 else (first, second)


def _joined(unchanged: torch.Tensor, changed: torch.Tensor, layer: int) -> torch.Tensor:
    return torch.cat((changed, unchanged) if layer % 2 else (unchanged, changed), dim=2)


def _factor_and_shift(
    layer: tuple[torch.Tensor, ...], unchanged: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    hidden = torch.sigmoid(torch.bmm(unchanged, layer[0]))
    hidden = torch.sigmoid(torch.bmm(hidden, layer[1]))
    log_factor, shift = torch.bmm(hidden, layer[2]).chunk(2, dim=2)
    return torch.tanh(log_factor) * 0.5 + 1, shift
