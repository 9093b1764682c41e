"""Linear erasure of a value from vectors, and its exchange for another one.

LEACE (Belrose et al. 2023, arXiv 2306.03819, Theorem 4.2): of all affine maps after which no linear
classifier tells the labels better than a constant does, the one that changes the vectors least, as
measured in their own covariance.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

# Singular values of the whitened cross-covariance, relative to the largest, that are rounding.
NEGLIGIBLE = 1e-7


@dataclass(frozen=True, eq=False)
class LinearEraser:
    """An affine map of rank ``r`` that takes a value out of vectors of ``d`` channels."""

    mean: torch.Tensor
    """``(d,)``; the point that erasure leaves where it is."""
    left: torch.Tensor
    """``(d, r)``."""
    right: torch.Tensor
    """``(d, r)``; ``x - left @ right.T @ (x - mean)`` is the vector without the value."""
    means: torch.Tensor
    """``(v, d)`` mean of the vectors of each value; the mean of all for a value without any."""

    @property
    def rank(self) -> int:
        return self.left.shape[1]

    def erase(self, x: torch.Tensor) -> torch.Tensor:
        """The vectors ``(n, d)`` without the value, computed in the eraser's dtype and device."""
        return x - (x - self.mean) @ self.right @ self.left.T

    def put(self, x: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
        """The vectors ``(n, d)`` with the component of `values` ``(n,)`` in place of their own."""
        return self.erase(x) + self.means[values] - self.mean

    def to(self, *target: torch.device | torch.dtype) -> LinearEraser:
        """The same on another device or in another dtype."""
        parts = (self.mean, self.left, self.right, self.means)
        return LinearEraser(*(_moved(each, target) for each in parts))


@dataclass(frozen=True, eq=False)
class Whitening:
    """Vectors in the coordinates in which they vary, so that many erasers can be fitted to them.

    With fewer vectors than channels there are no more coordinates than vectors, and no matrix of
    ``d x d`` numbers is ever made.
    """

    mean: torch.Tensor
    """``(d,)`` float64."""
    basis: torch.Tensor
    """``(d, m)`` orthonormal."""
    scores: torch.Tensor
    """``(n, m)``: the centred vectors in `basis`."""
    variances: torch.Tensor
    """``(m,)`` the covariance along `basis`, shrunk towards one equal in all directions."""

    @classmethod
    def of(cls, x: torch.Tensor, *, rounding: float = 0.0) -> Whitening:
        """Of the vectors `x` ``(n, d)``.

        The covariance is shrunk linearly, by the amount that is optimal as ``n`` and ``d`` grow
        together (Bodnar, Gupta and Parolya 2014, arXiv 1308.2608). Whatever the amount, erasure
        leaves no covariance with the labels; shrinkage keeps it from inflating directions in which
        few vectors happen to vary little.

        Args:
            x: finite.
            rounding: standard deviation, relative to the vectors' length, up to which they count
                as equal; of equal vectors nothing is erased.
        """
        import torch

        x = x.double()
        n, d = x.shape
        mean = x.mean(dim=0)
        centred = x - mean
        # The smaller of the two Gram matrices; its eigenvectors give the other's.
        if d <= n:
            squares, basis = torch.linalg.eigh(centred.T @ centred)
        else:
            squares, rows = torch.linalg.eigh(centred @ centred.T)
            basis = centred.T @ rows
        total = float(squares.clamp(min=0).sum())
        equal = total / n <= (rounding * float(mean.norm())) ** 2
        kept = squares > float(squares[-1]) * max(n, d) * torch.finfo(x.dtype).eps
        if equal:
            kept = torch.zeros_like(kept)
        squares, basis = squares[kept], basis[:, kept]
        if d > n:
            basis = basis / squares.sqrt()
        return cls(mean, basis, centred @ basis, _shrunk(squares / n, n, d))

    def eraser(self, labels: torch.Tensor, count: int) -> LinearEraser:
        """The eraser of `labels` ``(n,)``, whole numbers below `count`."""
        import torch

        labels = labels.long()
        one_hot = torch.nn.functional.one_hot(labels, count).to(self.scores)
        sizes = one_hot.sum(dim=0)
        # Covariance of the vectors with each label, in whitened coordinates.
        shared = self.scores.T @ (one_hot - one_hot.mean(dim=0)) / len(labels)
        axes, strengths, _ = torch.linalg.svd(
            shared / self.variances.sqrt()[:, None], full_matrices=False
        )
        largest = float(strengths.max()) if len(strengths) else 0.0
        kept = strengths > max(largest * NEGLIGIBLE, torch.finfo(axes.dtype).eps)
        offsets = (one_hot.T @ self.scores) / sizes.clamp(min=1)[:, None]
        return self._along(axes[:, kept], self.mean + offsets @ self.basis.T)

    def random(self, rank: int, rng: torch.Generator) -> LinearEraser:
        """An eraser of a random subspace of the whitened vectors: the control of `eraser`."""
        import torch

        m = self.scores.shape[1]
        drawn = torch.randn(m, min(rank, m), generator=rng, dtype=torch.float64)
        axes, _ = torch.linalg.qr(drawn)
        return self._along(axes.to(self.scores), self.mean[None])

    def _along(self, axes: torch.Tensor, means: torch.Tensor) -> LinearEraser:
        """The projection that removes the whitened directions `axes` ``(m, r)``."""
        deviations = self.variances.sqrt()[:, None]
        left = self.basis @ (deviations * axes)
        right = self.basis @ (axes / deviations)
        return LinearEraser(self.mean, left, right, means)


def fit(x: torch.Tensor, labels: torch.Tensor) -> LinearEraser:
    """The eraser of `labels` ``(n,)``, whole numbers from 0, from vectors like `x` ``(n, d)``.

    Raises:
        ValueError: there are no vectors, or some are not finite.
    """
    if len(x) == 0 or not bool(x.isfinite().all()):
        raise ValueError(f"`x` should hold one finite vector or more; got {tuple(x.shape)}")
    return Whitening.of(x).eraser(labels, int(labels.max()) + 1)


def _shrunk(variances: torch.Tensor, n: int, d: int) -> torch.Tensor:
    trace, square = float(variances.sum()), float(variances.square().sum())
    spread = square - trace**2 / d
    own = max(0.0, 1 - trace**2 / n / spread) if spread > 0 else 0.0
    return own * variances + (1 - own) * trace / d


def _moved(tensor: torch.Tensor, target: tuple[torch.device | torch.dtype, ...]) -> torch.Tensor:
    for each in target:
        tensor = tensor.to(each)
    return tensor
