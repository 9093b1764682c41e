"""What a denoiser and its modules were given and returned, kept as plain data.

The trace of one sampling step is what `t2i_audit.activations.denoiser.layout` is decided from. Of
the modules' sequences only some channels are kept, so that a trace of a large model fits into
memory.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from t2i_audit.activations.denoiser.inputs import (
    arguments_of,
    is_list,
    is_matrix,
    outputs_of,
    sequences_in,
    take,
    take_layers,
)
from t2i_audit.activations.denoiser.search import PROBED

if TYPE_CHECKING:
    import torch
    from torch import nn

Layout = Literal["rows", "tokens", "divided"]
LARGEST_KEPT = 1 << 24  # values of an argument of the denoiser that is compared over two calls


@dataclass(frozen=True, eq=False)
class TracedSequence:
    """Some channels of one sequence among a module's arguments or outputs, for the traced rows."""

    width: int
    """Channels of the sequence itself."""
    is_matrix: bool
    """Whether it holds the sequences of all rows one after the other."""
    is_list: bool
    """Whether it is a list of sequences, one for each row, here padded to the longest."""
    of_layers: bool = False
    """Whether it was ``(batch, tokens, layers, channels)``."""
    by_row: torch.Tensor | None = None
    """``(r, s, k)``, if it is laid out as ``(batch, tokens, channels)``."""
    by_token: torch.Tensor | None = None
    """``(r, s, k)``, if it is laid out as ``(tokens, batch, channels)``. Where there are as many
    tokens as rows, both are kept."""
    divided: torch.Tensor | None = None
    """``(r, s / b, k)`` of a matrix that may hold equally many tokens of each of the ``b`` rows."""

    def layouts(self) -> Iterator[tuple[Layout, torch.Tensor]]:
        """Each way in which it may be laid out, with the sequences ``(r, s, k)``."""
        if self.by_row is not None:
            yield "rows", self.by_row
        if self.by_token is not None:
            yield "tokens", self.by_token
        if self.divided is not None:
            yield "divided", self.divided

    def laid_out(self, layout: Layout) -> torch.Tensor:
        return dict(self.layouts())[layout]

    def kept_of(self, width: int) -> int:
        """How many of the first `width` channels are kept."""
        return -(-width // channel_step(self.width))


@dataclass(frozen=True, eq=False)
class Event:
    """A module begins or ends in a traced call."""

    kind: Literal["begin", "end"]
    path: str
    sequences: Mapping[str, TracedSequence]


@dataclass(frozen=True, eq=False)
class TracedCall:
    """One call of the denoiser."""

    batch: int
    """Rows of the call."""
    rows: tuple[int, ...]
    """Those that the events' sequences hold."""
    arguments: Mapping[str, Any]
    """In full; the first is the image."""
    events: Sequence[Event] = ()
    maps: Mapping[str, tuple[str, tuple[int, int]]] = field(default_factory=dict)
    """Recorded block -> which of its outputs is a feature map, with its height and width."""

    @property
    def sample(self) -> Any:
        return next(iter(self.arguments.values()))


@dataclass(frozen=True, eq=False)
class DenoiserTrace:
    """The calls of a denoiser in one sampling step."""

    pipeline: str
    """Its class, as `denoiser`."""
    component: str
    denoiser: str
    blocks: tuple[str, ...]
    """Paths of the blocks to record."""
    stacked: frozenset[str]
    """Paths of all blocks that work on the image; empty for a UNet."""
    kinds: Mapping[str, type]
    """Class of each stacked block."""
    batch: int
    """Prompts of the pipeline's call."""
    prompts: tuple[int, ...]
    """Rows of the traced prompts in it."""
    size: tuple[int, int] | None
    """Height and width of the images asked for."""
    perturbed: bool = False
    """Whether the last part of each batch is computed with perturbed attention."""
    calls: Sequence[TracedCall] = ()


def channel_step(width: int) -> int:
    """Every how many channels one is kept of a sequence with `width` of them."""
    return max(1, -(-width // PROBED))


class Tracer:
    """Keeps what passes through a denoiser's modules during one call."""

    def __init__(self, denoiser: nn.Module, blocks: Mapping[str, nn.Module]) -> None:
        self._modules = _parts(denoiser)
        self._blocks = dict(blocks)
        self._events: list[Event] = []
        self._maps: dict[str, tuple[str, tuple[int, int]]] = {}
        self._last: dict[int, tuple[Any, TracedSequence]] = {}
        self._batch = 0
        self._rows: tuple[int, ...] = ()
        self._arguments: dict[str, Any] = {}
        self.is_on = False
        """Whether a call is being traced."""

    def attach(self, *, follow: bool) -> Iterator[Any]:
        """Register the hooks; yields their handles.

        Args:
            follow: trace all modules, or only the shape of the recorded blocks' outputs.
        """

        def before(path: str) -> Any:
            def begin(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
                given = sequences_in(arguments_of(module, args, kwargs))
                self._events.append(Event("begin", path, self._traced(given)))

            return begin

        def after(path: str) -> Any:
            def end(_: nn.Module, __: Any, output: Any) -> None:
                self._events.append(Event("end", path, self._traced(outputs_of(output))))

            return end

        def shape(path: str) -> Any:
            def keep(_: nn.Module, __: Any, output: Any) -> None:
                found = feature_map(output)
                if found is not None:
                    name, state = found
                    self._maps[path] = name, (int(state.shape[-2]), int(state.shape[-1]))

            return keep

        for path, block in self._blocks.items():
            yield block.register_forward_hook(shape(path))
        for path, module in self._modules.items() if follow else ():
            yield module.register_forward_pre_hook(before(path), with_kwargs=True)
            yield module.register_forward_hook(after(path))

    def begin(self, arguments: Mapping[str, Any], batch: int, rows: Sequence[int]) -> None:
        """Trace the call that starts now.

        Args:
            arguments: of the denoiser.
            batch: rows of the call.
            rows: those to trace.
        """
        self._events, self._maps, self._last = [], {}, {}
        self._arguments, self._batch, self._rows = dict(arguments), batch, tuple(rows)
        self.is_on = True

    def end(self) -> TracedCall:
        """The call that was traced."""
        call = TracedCall(self._batch, self._rows, self._arguments, self._events, self._maps)
        self._events, self._maps, self._last = [], {}, {}
        self._arguments = {}
        self.is_on = False
        return call

    def _traced(self, sequences: Mapping[str, Any]) -> dict[str, TracedSequence]:
        known, self._last = self._last, {}
        traced: dict[str, TracedSequence] = {}
        for name, each in sequences.items():
            # What one module returns the next one is often given, so it is kept once.
            before = known.get(id(each))
            found = before[1] if before is not None else self._trace(each)
            if found is not None:
                traced[name] = found
                self._last[id(each)] = (each, found)
        return traced

    def _trace(self, sequences: Any) -> TracedSequence | None:
        width = int((sequences[0] if is_list(sequences) else sequences).shape[-1])
        by_row = by_token = divided = None
        if not is_list(sequences) and sequences.ndim == 3:
            first, second = (length == self._batch for length in sequences.shape[:2])
            if second:
                by_token = take(sequences, self._rows, tokens_first=True)
            if first or not second:
                by_row = take(sequences, self._rows)
        else:
            by_row = take_layers(sequences, self._rows)
        if is_matrix(sequences) and self._batch > 1 and not len(sequences) % self._batch:
            divided = sequences.unflatten(0, (self._batch, -1))[list(self._rows)]
        of_layers = not is_list(sequences) and sequences.ndim == 4
        if of_layers and by_row is not None:
            width = int(by_row.shape[-1])
        step = channel_step(width)
        if by_row is None and by_token is None:
            return None
        return TracedSequence(
            width,
            is_matrix(sequences),
            is_list(sequences),
            of_layers,
            *(
                None if each is None else each[..., ::step].detach().clone()
                for each in (by_row, by_token, divided)
            ),
        )


def copied(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """`arguments` with every tensor copied, because samplers may write into them later."""
    return {name: _copied(value) for name, value in arguments.items()}


def _copied(value: Any) -> Any:
    import torch

    if isinstance(value, torch.Tensor):
        return value.detach().clone() if value.numel() <= LARGEST_KEPT else value.detach()
    if isinstance(value, Mapping):
        return {key: _copied(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_copied(each) for each in value]
    return value


def feature_map(output: Any) -> tuple[str, torch.Tensor] | None:
    """The first tensor of a block's output with its index, if it is ``(b, c, h, w)``."""
    import torch

    every = output if isinstance(output, tuple | list) else (output,)
    for index, each in enumerate(every):
        if isinstance(each, torch.Tensor):
            return (str(index), each) if each.ndim == 4 else None
    return None


def _parts(denoiser: nn.Module) -> dict[str, nn.Module]:
    """The entries of the denoiser's lists, and every module outside of them, by path."""
    from torch import nn

    modules: dict[str, nn.Module] = {}
    for name, child in denoiser.named_children():
        if isinstance(child, nn.ModuleList):
            modules |= {f"{name}.{key}": entry for key, entry in child.named_children()}
        else:
            # Where a vector leaves a module changed, it is followed through the module's own parts.
            modules |= dict(child.named_modules(prefix=name))
    return modules
