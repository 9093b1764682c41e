"""Vectors found again by their values, however large some of their channels are.

Hidden states of language models have "massive activations": a few channels that are thousands of
times larger than all others, at some tokens or at every token (Sun et al., arXiv 2402.17762). In a
distance over all channels they outweigh everything else, and rounded to bfloat16 their rounding
error alone is larger than the other channels. So each channel is measured in its own spread over
the tokens, and can contribute no more than 1.

A vector counts as found only where it is near, and where the next nearest place is at least
`RUNNER_UP` times farther. A prompt's tokens are looked for all together, at their distances from
each other, so that two tokens of nearly equal states do not stand for one another.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

TOLERANCE = 0.05  # mean over channels, each in its spread and at most 1
RUNNER_UP = 3.0
EXACT = 1e-3  # differences below this are rounding, so they separate nothing
PROBED = 64  # channels that are compared everywhere; the others only at the nearest places
ENOUGH = 8  # tokens whose spread tells how much a channel varies
CANDIDATES = 8  # places whose whole span is compared
# A channel that is nearly the same at every token is measured in this part of its value: 16 units
# of bfloat16's rounding.
OF_VALUE = 1 / 16
OF_SPREAD = 1e-3  # of the median channel's spread, for channels without any


@dataclass(frozen=True)
class Match:
    """Where spans of vectors are in the sequences that were searched."""

    shifts: tuple[int, ...]
    """Position in the sequence minus position in the span's own sequence, for each row."""
    distance: float
    """The largest of all rows."""
    runner_up: float
    """Distance at the next nearest place; the smallest of all rows."""

    @property
    def is_near(self) -> bool:
        return self.distance <= TOLERANCE

    @property
    def is_unique(self) -> bool:
        """Whether the place is near, and no other place comes close to it."""
        return self.is_near and self.runner_up >= RUNNER_UP * max(self.distance, EXACT)


@dataclass(frozen=True, eq=False)
class Spans:
    """Some tokens of each row, to be looked for together."""

    vectors: torch.Tensor
    """``(r, t, d)`` float32; rows with fewer tokens hold some of them twice."""
    positions: torch.Tensor
    """``(r, t)`` in the sequence they were taken from, on the CPU; the last is the span's end."""

    @cached_property
    def finite(self) -> torch.Tensor:
        """``(r,)`` bool, on the CPU: a row that holds NaN or infinity can be found nowhere."""
        return self.vectors.isfinite().all(dim=2).all(dim=1).cpu()

    @cached_property
    def extent(self) -> int:
        """Tokens from the first to the last of the longest row."""
        return int((self.positions.amax(dim=1) - self.positions.amin(dim=1)).max()) + 1

    @cached_property
    def scales(self) -> torch.Tensor:
        """What a difference in each channel is measured in, ``(d,)``; see `channel_scales`."""
        finite = self.vectors[self.finite.to(self.vectors.device)]
        return channel_scales(finite if len(finite) else self.vectors.nan_to_num())

    def first_channels(self, count: int) -> Spans:
        return Spans(self.vectors[..., :count], self.positions)

    def at(self, sequences: torch.Tensor, shifts: Sequence[int]) -> Spans:
        """The same tokens as `sequences` ``(r, s, d)`` have them, `shifts` positions further on."""
        import torch

        index = (self.positions + torch.tensor(shifts)[:, None]).to(sequences.device)
        rows = torch.arange(len(index), device=sequences.device)[:, None]
        return Spans(sequences[rows, index].float(), self.positions)


def channel_scales(vectors: torch.Tensor) -> torch.Tensor:
    """What a difference in each channel is measured in, ``(d,)``.

    The median absolute deviation over the tokens, because some tokens may be outliers.

    Args:
        vectors: ``(..., d)``, finite.
    """
    flat = vectors.reshape(-1, vectors.shape[-1]).float()
    centre = flat.median(dim=0).values
    spread = (flat - centre).abs().median(dim=0).values
    scales = spread.maximum(OF_VALUE * centre.abs())
    floor = OF_SPREAD * float(scales.median())
    return scales.clamp(min=max(floor, 1e-12))


def distances(vectors: torch.Tensor, others: torch.Tensor, scales: torch.Tensor) -> torch.Tensor:
    """Mean over channels of the difference in `scales`, at most 1 each; what is not finite is 1."""
    import torch

    difference = (others.float() - vectors).abs() / scales
    return torch.nan_to_num(difference, nan=1.0, posinf=1.0).clamp(max=1).mean(dim=-1)


def find_spans(spans: Spans, sequences: torch.Tensor) -> Match | None:
    """The nearest place of each row's span in its sequence; None where one is nowhere near.

    Rows that are not finite are passed over: they take the place of the first row that is.

    Args:
        spans: of ``r`` rows.
        sequences: ``(r, s, d)``, of the same channels.
    """
    import torch

    finite = spans.finite.tolist()
    length = sequences.shape[1]
    if not any(finite) or length < spans.extent or sequences.shape[-1] != spans.vectors.shape[-1]:
        return None
    vectors, scales = spans.vectors.to(sequences.device), _scales(spans, sequences)
    step = -(-sequences.shape[-1] // PROBED)
    # One row first: nearly always it is not there, and then no other needs to be looked for.
    first = finite.index(True)
    for rows in (slice(first, first + 1), slice(None)):
        ends, held = vectors[rows, -1:, ::step], sequences[rows, :, ::step]
        last = distances(ends, held, scales[::step])
        if bool((last.min(dim=1).values.cpu()[spans.finite[rows]] > 4 * TOLERANCE).any()):
            return None
    nearest = last.topk(min(CANDIDATES, length), largest=False).indices.cpu()
    shifts = nearest - spans.positions[:, -1:]
    # Of all candidates with some of the channels, of the best two with all of them.
    rough = _span_distances(spans, vectors, sequences, shifts, scales, step)
    best = rough.topk(min(2, rough.shape[1]), largest=False).indices
    shifts = shifts.gather(1, best)
    exact = _span_distances(spans, vectors, sequences, shifts, scales, 1)
    exact, order = exact.sort(dim=1, stable=True)
    chosen = shifts.gather(1, order)[:, 0].tolist()
    kept = [row for row, held in enumerate(finite) if held]
    instead = chosen[kept[0]]
    runner_up = float(exact[kept, 1].min()) if exact.shape[1] > 1 else float(torch.inf)
    return Match(
        shifts=tuple(
            place if held else instead for place, held in zip(chosen, finite, strict=True)
        ),
        distance=float(exact[kept, 0].max()),
        runner_up=runner_up,
    )


def distance_at(
    spans: Spans, sequences: torch.Tensor, shifts: Sequence[int], *, last: bool = False
) -> float:
    """The largest distance over all finite rows at `shifts`; 0 where no row is finite.

    Args:
        spans: of ``r`` rows.
        sequences: ``(r, s, d)``, of the same channels.
        shifts: one for each row.
        last: compare the last token of each span alone.
    """
    import torch

    if not bool(spans.finite.any()):
        return 0.0
    if sequences.shape[-1] != spans.vectors.shape[-1]:
        return 1.0
    scales = _scales(spans, sequences)
    if last:
        spans = Spans(spans.vectors[:, -1:], spans.positions[:, -1:])
    vectors = spans.vectors.to(sequences.device)
    every = torch.tensor([[each] for each in shifts])
    found = _span_distances(spans, vectors, sequences, every, scales, 1)
    finite = spans.finite
    return float(found[finite].max()) if bool(finite.any()) else 0.0


def _scales(spans: Spans, sequences: torch.Tensor) -> torch.Tensor:
    """What differences are measured in, on the device of `sequences`.

    The spread of a few tokens says little, so those of the sequences are looked at as well.
    """
    scales = spans.scales.to(sequences.device)
    if int(spans.finite.sum()) * spans.extent >= ENOUGH:
        return scales
    return scales.maximum(channel_scales(sequences.float().nan_to_num()))


def _span_distances(
    spans: Spans,
    vectors: torch.Tensor,
    sequences: torch.Tensor,
    shifts: torch.Tensor,
    scales: torch.Tensor,
    step: int,
) -> torch.Tensor:
    """``(r, c)`` on the CPU: mean over each row's tokens at each of its `shifts` ``(r, c)``."""
    import torch

    rows, length = len(shifts), sequences.shape[1]
    index = shifts[:, :, None] + spans.positions[:, None]  # (r, c, t)
    outside = (index < 0) | (index >= length)
    clamped = index.clamp(0, length - 1).to(sequences.device)
    every = torch.arange(rows, device=sequences.device)[:, None, None]
    held = sequences[..., ::step][every, clamped]
    found = distances(vectors[:, None, :, ::step], held, scales[::step]).cpu()
    return found.masked_fill(outside, 1.0).mean(dim=2)
