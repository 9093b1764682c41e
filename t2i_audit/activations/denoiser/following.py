"""Tokens followed through a denoiser's modules by their values, in a trace of one call.

Denoisers lay out text and image in many ways: side by side, one after the other, padded, the text
first or last. Nothing of that is assumed: the states of the prompts' tokens, known in the
denoiser's arguments, are found again in the arguments of its modules, and from each module's
arguments they are followed to its outputs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from t2i_audit.activations.denoiser.search import Spans, find_spans
from t2i_audit.activations.denoiser.trace import (
    Layout,
    TracedCall,
    TracedSequence,
    channel_step,
)

if TYPE_CHECKING:
    import torch

IMAGE = "image"
IMAGE_SPAN = 16  # of its tokens that are followed
CLEARER = 1.5  # how much farther a module's other output must be
LARGEST_SCORE = 4.0  # of a standardised channel, so that no outlier decides


@dataclass(frozen=True, eq=False)
class Mark:
    """Tokens that are followed."""

    width: int
    """Channels of their sequence."""
    spans: Spans
    """Those channels of them that a trace keeps. Positions are the encoder's, or the image's."""


@dataclass(frozen=True)
class Position:
    """Where a mark is in one sequence of a module."""

    sequence: str
    length: int
    shift: tuple[int, ...]
    layout: Layout
    count: int = 0
    """Of the image: its number of tokens."""


@dataclass(frozen=True)
class FixedPositions:
    """Where marks are in every sequence of a length, whatever their values there."""

    length: int
    count: int
    """Image tokens."""
    shifts: Mapping[str, tuple[int, ...]]


Positions = dict[str, dict[str, Position]]
"""Path of a module -> mark -> where it is."""


def mark_of(vectors: torch.Tensor, positions: torch.Tensor) -> Mark:
    """The mark of `vectors` ``(r, t, d)``, all channels, at `positions` ``(r, t)``."""
    width = vectors.shape[-1]
    return Mark(width, Spans(vectors[..., :: channel_step(width)].float(), positions.cpu()))


def follow(
    call: TracedCall,
    marks: Mapping[str, Mark],
    rows: Sequence[int],
    *,
    stacked: frozenset[str],
    image_counts: Mapping[int, int],
    outputs_of: Mapping[str, Mapping[str, str]],
    fixed: FixedPositions | None = None,
) -> tuple[Positions, Positions]:
    """Where `marks` and the image are in the modules of `call`.

    Args:
        call: traced with its modules.
        marks: by encoder; known in the denoiser's arguments.
        rows: of the call's batch, those of the prompts.
        stacked: paths of the blocks that work on the image.
        image_counts: numbers of tokens that a sequence of nothing but the image may have, each
            with how many of them are the image and not padding.
        outputs_of: block -> mark, or ``text`` for any encoder's -> the output that holds it, where
            that is declared.
        fixed: positions that are known beforehand.

    Returns:
        Positions among the modules' arguments, and among their outputs.
    """
    follower = _Follower(call, dict(marks), rows, stacked, image_counts, outputs_of, fixed)
    for event in call.events:
        if event.kind == "begin":
            follower.inputs[event.path] = follower.look(event.path, event.sequences)
        else:
            follower.move(event.path, event.sequences)
    return follower.inputs, follower.outputs


class _Follower:
    def __init__(
        self,
        call: TracedCall,
        marks: dict[str, Mark],
        rows: Sequence[int],
        stacked: frozenset[str],
        image_counts: Mapping[int, int],
        outputs_of: Mapping[str, Mapping[str, str]],
        fixed: FixedPositions | None,
    ) -> None:
        self._marks = marks
        self._rows = [call.rows.index(row) for row in rows]
        self._stacked = stacked
        self._image_counts = image_counts
        self._outputs_of = outputs_of
        self._fixed = fixed
        self._count = fixed.count if fixed is not None else 0
        self.inputs: Positions = {}
        self.outputs: Positions = {}

    def look(self, path: str, sequences: Mapping[str, TracedSequence]) -> dict[str, Position]:
        """Where the marks are among a module's arguments."""
        found: dict[str, Position] = {}
        in_stack = path in self._stacked
        # Some blocks replace half of the text's channels, as each of Bria FIBO's.
        for divided_by in (1, 2) if in_stack else (1,):
            for name, each, layout, held in self._held(sequences):
                for key, mark in self._marks.items():
                    if key in found or each.width != mark.width:
                        continue
                    channels = each.kept_of(mark.width // divided_by)
                    match = find_spans(mark.spans.first_channels(channels), held[..., :channels])
                    if match is not None and match.is_unique:
                        found[key] = self._position(key, name, held.shape[1], match.shifts, layout)
                if self._fixed is not None and held.shape[1] == self._fixed.length:
                    for key, shifts in self._fixed.shifts.items():
                        found.setdefault(
                            key, self._position(key, name, held.shape[1], shifts, layout)
                        )
        # Positional encodings may be added to the image between modules; a block shows it anew.
        if IMAGE not in self._marks or (in_stack and IMAGE not in found):
            start = self._image_alone(sequences, {each.sequence for each in found.values()})
            if start is not None:
                found[IMAGE] = start
        return found

    def move(self, path: str, sequences: Mapping[str, TracedSequence]) -> None:
        """Follow the marks from a module's arguments to its outputs."""
        declared = self._outputs_of.get(path, {})
        moved: dict[str, tuple[str, float]] = {}  # mark -> output, and how near
        for key, position in self.inputs[path].items():
            expected = declared.get(key if key == IMAGE else "text")
            near = [
                (self._farness(key, held, position), name)
                for name, _, layout, held in self._held(sequences, layers=False)
                if layout == position.layout
                and held.shape[1] == position.length
                and expected in (None, name)
            ]
            near.sort(key=lambda each: each[0])
            # Text and image may be equally long. A residual stream stays nearest to itself.
            if near and (len(near) == 1 or near[1][0] >= CLEARER * near[0][0]):
                moved[key] = near[0][1], near[0][0]
        positions: dict[str, Position] = {}
        for key, (name, farness) in moved.items():
            own = self.inputs[path][key]
            # Where two arguments lead to the same output, one of them is not handed on.
            rivals = [
                other
                for rival, (target, other) in moved.items()
                if target == name and self.inputs[path][rival].sequence != own.sequence
            ]
            if all(farness < other for other in rivals):
                positions[key] = Position(name, own.length, own.shift, own.layout, own.count)
                held = sequences[name].laid_out(own.layout)[self._rows]
                mark = self._marks[key]
                self._marks[key] = Mark(sequences[name].width, mark.spans.at(held, own.shift))
        self.outputs[path] = positions
        if IMAGE not in self._marks:
            start = self._image_alone(sequences, {each.sequence for each in positions.values()})
            if start is not None:
                positions[IMAGE] = start

    def _held(
        self, sequences: Mapping[str, TracedSequence], *, layers: bool = True
    ) -> Iterator[tuple[str, TracedSequence, Layout, torch.Tensor]]:
        for name, each in sequences.items():
            if layers or not each.of_layers:
                for layout, held in each.layouts():
                    yield name, each, layout, held[self._rows]

    def _position(
        self, key: str, name: str, length: int, shift: tuple[int, ...], layout: Layout
    ) -> Position:
        count = self._count if key == IMAGE else 0
        return Position(name, length, shift, layout, count)

    def _image_alone(
        self, sequences: Mapping[str, TracedSequence], taken: set[str]
    ) -> Position | None:
        """Mark the image where it is in a sequence of its own."""
        import torch

        for name, each in sequences.items():
            # A matrix is no sequence of one image; it may hold rotations by position.
            known = name not in taken and not each.is_matrix and not each.of_layers
            if not known or each.by_row is None:
                continue
            held = each.by_row[self._rows]
            count = held.shape[1]
            if count in self._image_counts:
                last = self._image_counts[count] - 1
                steps = [round(i * last / (IMAGE_SPAN - 1)) for i in range(IMAGE_SPAN)]
                positions = torch.tensor(steps).expand(len(held), -1)
                none = (0,) * len(held)
                spans = Spans(held[:, steps].float(), positions)
                self._marks[IMAGE] = Mark(each.width, spans)
                self._count = count
                return Position(name, count, none, "rows", count)
        return None

    def _farness(self, key: str, held: torch.Tensor, position: Position) -> float:
        """How far a mark is from the tokens at its own place in an output; 0 is the same."""
        mark = self._marks[key].spans.vectors
        others = self._marks[key].spans.at(held, position.shift).vectors
        return _unlikeness(mark, others)


def _unlikeness(one: torch.Tensor, other: torch.Tensor) -> float:
    """1 - cosine of ``(r, t, k)`` token by token, each channel standardised over the tokens."""
    import torch
    from torch.nn import functional

    if one.shape != other.shape:
        return 2.0
    flat = torch.cat([one, other.to(one)]).reshape(-1, one.shape[-1])
    flat = flat[flat.isfinite().all(dim=1)]
    if not len(flat):
        return 2.0
    centre = flat.median(dim=0).values
    spread = (flat - centre).abs().median(dim=0).values
    scale = spread.clamp(min=max(float(spread.median()) * 1e-3, 1e-12))
    one, other = (
        ((each - centre) / scale).clamp(-LARGEST_SCORE, LARGEST_SCORE).nan_to_num()
        for each in (one, other.to(one))
    )
    return 1.0 - float(functional.cosine_similarity(one, other, dim=-1).mean())
