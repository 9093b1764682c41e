"""Where a prompt's words and the picture lie inside a denoiser, found by following their vectors.

Denoisers lay text and picture out in many ways: side by side, one after the other, padded, the text
first or last, the conditional half of a guided batch first or last or in a call of its own. Nothing
of that is assumed where it can be seen: the vector that the text encoder gave a prompt's last word
is looked for in what the denoiser is given, and followed from module to module by its value.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from t2i_audit.activations.sequences import find, is_matrix, sequences_in, take, take_layers

if TYPE_CHECKING:
    import torch
    from torch import nn

PICTURE = "picture"


@dataclass(frozen=True, eq=False)
class Place:
    """Where one vector of each recorded prompt lies among the sequences of a module."""

    index: int
    """Of the sequence among the module's inputs or outputs."""
    positions: torch.Tensor
    """``(r,)``, on the CPU."""
    tokens_first: bool = False
    """Whether the sequence is laid out ``(s, b, d)``."""

    def take(self, value: Any, rows: Sequence[int]) -> torch.Tensor:
        """`rows` of the sequence among `value`, the module's inputs or outputs: ``(r, s, d)``."""
        taken = take(sequences_in(value)[self.index], rows, tokens_first=self.tokens_first)
        assert taken is not None
        return taken


class Follower:
    """Follows vectors through a denoiser's modules during one call.

    Args:
        denoiser: the entries of its lists, and all modules outside of those, are looked at.
        blocks: paths of the entries that work on the picture.
    """

    def __init__(self, denoiser: nn.Module, blocks: Sequence[str]) -> None:
        self._blocks = frozenset(blocks)
        self._modules = _parts(denoiser)
        self._marks: dict[str, torch.Tensor] = {}
        self._rows: list[int] = []
        self._batch = 0
        self.places: dict[str, dict[str, Place]] = {}
        """Module path -> mark -> where it lies among the module's outputs."""
        self.inputs: dict[str, dict[str, tuple[int, Place]]] = {}
        """Module path -> mark -> length of its sequence, and where, among the module's inputs."""
        self.active = False
        self.picture_length = 0
        """Tokens of the sequence in which the picture was first seen by itself."""
        self._picture: tuple[int, ...] = ()
        self._packed: dict[str, torch.Tensor] = {}
        self._packed_length = 0

    def begin(self, rows: Sequence[int], batch: int, *, picture_lengths: Sequence[int]) -> None:
        """Follow through the call that starts now.

        Args:
            rows: of the denoiser's batch.
            batch: how many there are in it.
            picture_lengths: numbers of tokens that a sequence of picture tokens alone may have.
        """
        self.active = True
        self._rows = list(rows)
        self._batch = batch
        self._marks = {}
        self._picture = tuple(picture_lengths)
        self._packed = {}
        self.places = {}
        self.inputs = {}

    def mark(self, name: str, vectors: torch.Tensor) -> None:
        """Follow `vectors` ``(r, d)`` under `name`."""
        self._marks[name] = vectors

    def pack(self, length: int, picture_length: int, positions: dict[str, torch.Tensor]) -> None:
        """Know where marks stand in every sequence of `length` tokens, whatever their values.

        Args:
            length: of sequences with a place for the text and one for the picture.
            picture_length: tokens of the picture.
            positions: of each mark, ``(r,)``; the picture's is its first token's.
        """
        self._packed, self._packed_length = positions, length
        self.picture_length = picture_length

    def attach(self) -> Iterator[Any]:
        """Register the hooks; they do nothing outside a call that was begun."""

        def before(path: str) -> Any:
            def look(_: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
                if self.active:
                    self.inputs[path] = self._look(path, [*args, *kwargs.values()])

            return look

        def after(path: str) -> Any:
            def move(_: nn.Module, __: Any, output: Any) -> None:
                if self.active:
                    self._move(path, self.inputs[path], output)

            return move

        for path, module in self._modules.items():
            yield module.register_forward_pre_hook(before(path), with_kwargs=True)
            yield module.register_forward_hook(after(path))

    def _look(self, path: str, values: Sequence[Any]) -> dict[str, tuple[int, Place]]:
        """Mark -> length of the sequence it is found in, and where."""
        found: dict[str, tuple[int, Place]] = {}
        every = [each for value in values for each in sequences_in(value)]
        layouts = [
            (index, each, way) for index, each in enumerate(every) for way in self._ways(each)
        ]
        # Of the text some blocks are given one half anew, as each of Bria Fibo's.
        for parts in (1, 2) if path in self._blocks else (1,):
            for index, each, tokens_first in layouts:
                held = take_layers(each, self._rows, tokens_first=tokens_first)
                if held is None:
                    continue
                for name, vectors in self._marks.items():
                    width = vectors.shape[-1]
                    if name not in found and held.shape[-1] == width:
                        positions = find(vectors[:, : width // parts], held)
                        if positions is not None:
                            found[name] = held.shape[1], Place(index, positions, tokens_first)
                for name, places in self._packed.items():
                    if held.ndim == 3 and held.shape[1] == self._packed_length:
                        found.setdefault(name, (held.shape[1], Place(index, places, tokens_first)))
        # Between modules positions may be added to the picture; a block shows it anew.
        lost = PICTURE not in self._marks or (path in self._blocks and PICTURE not in found)
        start = self._start(every, {place.index for _, place in found.values()}) if lost else None
        if start is not None:
            found[PICTURE] = self.picture_length, start
        return found

    def _ways(self, sequences: Any) -> tuple[bool, ...]:
        """Whether tokens may come first in `sequences`; both where it is as long as the batch."""
        if isinstance(sequences, list | tuple) or sequences.ndim != 3:
            return (False,)
        first, second = (length == self._batch for length in sequences.shape[:2])
        return (False, True) if first and second else (second and not first,)

    def _start(self, every: Sequence[Any], taken: set[int]) -> Place | None:
        """Mark the picture where it stands in a sequence of its own."""
        import torch

        for index, each in enumerate(every):
            # What has as many rows somewhere else may be no sequence, as rotations by place.
            known = index not in taken and not is_matrix(each) and not self._ways(each)[0]
            held = take(each, self._rows) if known else None
            if held is not None and held.shape[1] in self._picture:
                self._marks[PICTURE] = held[:, 0]
                self.picture_length = held.shape[1]
                return Place(index, torch.zeros(len(held), dtype=torch.long))
        return None

    def _move(self, path: str, found: dict[str, tuple[int, Place]], output: Any) -> None:
        import torch

        every_output = sequences_in(output)
        every = torch.arange(len(self._rows))
        moved: dict[str, tuple[int, int, float]] = {}  # from which input to which output, how near
        for name, (length, place) in found.items():
            outputs = [
                take(each, self._rows, tokens_first=place.tokens_first) for each in every_output
            ]
            # Text and picture may be equally long: a residual stream stays nearest to itself.
            near = [
                (_nearness(self._marks[name], held[every, place.positions]), -index)
                for index, held in enumerate(outputs)
                if held is not None and held.shape[1] == length
            ]
            if near:
                nearness, index = max(near)
                moved[name] = place.index, -index, nearness
        places: dict[str, Place] = {}
        for name, (source_index, index, nearness) in moved.items():
            # One of them is not handed on where two of them would be the same output.
            rivals = [
                other
                for origin, target, other in moved.values()
                if target == index and origin != source_index
            ]
            if all(nearness > other for other in rivals):
                place = found[name][1]
                places[name] = Place(index, place.positions, place.tokens_first)
                held = places[name].take(output, self._rows)
                self._marks[name] = held[every, place.positions]
        self.places[path] = places
        if PICTURE not in self._marks:
            start = self._start(every_output, {place.index for place in places.values()})
            if start is not None:
                places[PICTURE] = start


def _parts(denoiser: nn.Module) -> dict[str, nn.Module]:
    """The entries of the denoiser's lists, and every module outside of them, by path."""
    from torch import nn

    modules: dict[str, nn.Module] = {}
    for name, child in denoiser.named_children():
        if isinstance(child, nn.ModuleList):
            modules |= {f"{name}.{key}": entry for key, entry in child.named_children()}
        else:
            # A vector that leaves a module changed is followed through the module's own parts.
            modules |= dict(child.named_modules(prefix=name))
    return modules


def _nearness(one: torch.Tensor, other: torch.Tensor) -> float:
    from torch.nn import functional

    if one.shape != other.shape:
        return -1.0
    return float(functional.cosine_similarity(one.float(), other.float(), dim=-1).mean())
