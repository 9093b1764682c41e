"""Records what a denoiser's blocks hold of a prompt while an image is being sampled.

Hooks look on and change nothing. They act at the wanted steps alone, on those rows of a guided
batch that hold the prompts. Where these, the image and the text are is looked up in the denoiser's
layout. Without a layout, or in a call that it does not cover, they are searched for in that call.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from t2i_audit.activations.denoiser.attention import CrossAttention
from t2i_audit.activations.denoiser.conditional import Holder, find_conditional
from t2i_audit.activations.denoiser.inputs import (
    arguments_of,
    holds_states,
    image_sizes,
    lengths_of,
)
from t2i_audit.activations.denoiser.layout import (
    CallKey,
    CallPlaces,
    DenoiserLayout,
    call_key,
)
from t2i_audit.activations.denoiser.locate import find_layout, places_in_call
from t2i_audit.activations.denoiser.observable import is_compiled, observable
from t2i_audit.activations.denoiser.prompt_states import (
    Located,
    PromptStates,
    reading_prompt_states,
)
from t2i_audit.activations.denoiser.reader import BlockReader, RecordedCall
from t2i_audit.activations.denoiser.search import TOLERANCE
from t2i_audit.activations.denoiser.trace import DenoiserTrace, TracedCall, Tracer, copied
from t2i_audit.activations.host import on_host
from t2i_audit.errors import ModelError
from t2i_audit.pipelines.arguments import pipeline_call
from t2i_audit.pipelines.denoiser import (
    denoiser_blocks,
    is_unet,
    stacked_blocks,
    without_compilation,
)
from t2i_audit.pipelines.text_encoders import text_encoders
from t2i_audit.run.features import FeaturePart

if TYPE_CHECKING:
    from torch import nn

    from prompts.structure import Prompt

TRACED_CALLS = 4  # of the denoiser in one step: conditional, unconditional, and perturbed ones

Change = Callable[[RecordedCall, str, Any], Any]
"""Given a call that holds the prompts, a block's path and its output: what the block hands on
instead."""


class AllRecordedError(Exception):
    """Ends a pipeline's call in which nothing more is to be recorded."""


def default_steps(steps: int) -> tuple[int, ...]:
    """The first step (pure noise: only the text can be there) and the one a third of the way."""
    return tuple(sorted({0, steps // 3}))


class DenoiserRecorder:
    """Records block outputs of a pipeline's denoiser, one batch of images at a time.

    Layers are named ``<block>@step_<i>``. Positions are

    - ``grid``: averaged to 2 x 2 cells, the channels of each cell, flattened;
    - a constituent's slot, in blocks with cross-attention: averaged over space, weighted by the
      attention paid to that constituent's tokens;
    - ``<slot>@<encoder>``, ``mean@<encoder>`` and ``eos@<encoder>``, in blocks that change the
      text as well: the text tokens themselves.

    Args:
        pipeline: the pipeline that will sample.
        steps: indices of the sampling steps to record.
        located: the prompts to record; every prompt if None.
        layout: of the denoiser. If None, everything is searched for in each recorded call, and the
            first step is traced, from which `find_layout` decides the layout.
        stops: whether the pipeline's call ends once every wanted step is recorded, without images.
        change: if given, the blocks' outputs are not read but handed to it, and replaced by what it
            returns. Then a step is a call of the denoiser that holds the prompts, as nothing has to
            be given to the pipeline's call, and every step is wanted if there are no `steps`.

    Raises:
        ModelError: the pipeline has no denoiser whose blocks are known, or what is to be changed
            lies elsewhere in each call.
    """

    def __init__(
        self,
        pipeline: Any,
        *,
        steps: Sequence[int],
        located: Located | None = None,
        layout: DenoiserLayout | None = None,
        stops: bool = False,
        change: Change | None = None,
    ) -> None:
        self._located = located
        self._change = change
        self._stops = stops
        self._layout = layout
        self.steps = tuple(sorted(set(steps)))
        self._name, self._blocks = denoiser_blocks(pipeline)
        component = pipeline.components[self._name]
        self._compiled = is_compiled(component)
        self._denoiser: nn.Module = without_compilation(component)
        self._encoders = text_encoders(pipeline)
        self._attentions = {
            path: [CrossAttention(path, module) for path, module in cross_attentions(block)]
            for path, block in self._blocks.items()
        }
        if change is not None:
            if layout is None or not layout.fixed:
                raise ModelError(
                    f"What the denoiser of {type(pipeline).__name__} holds cannot be changed: "
                    "where the image lies in its blocks depends on each prompt, and is known only "
                    "after they have run"
                )
            self._attentions = {path: [] for path in self._blocks}
        self._tracer = Tracer(self._denoiser, self._blocks)
        stacked = () if is_unet(self._denoiser) else tuple(stacked_blocks(self._denoiser))
        self._untraced = DenoiserTrace(
            pipeline=type(pipeline).__name__,
            component=self._name,
            denoiser=type(self._denoiser).__name__,
            blocks=tuple(self._blocks),
            stacked=frozenset(stacked),
            kinds={path: type(self._denoiser.get_submodule(path)) for path in stacked},
            batch=1,
            prompts=(),
            size=None,
            perturbed=hasattr(pipeline, "pag_applied_layers"),
        )
        # Without a callback each call of the denoiser that holds the prompts counts as a step.
        self._callback = pipeline_call(pipeline).step_callback if change is None else None
        self._has_callback = self._callback is not None
        self._known: dict[CallKey, CallPlaces] = {}
        if layout is not None and layout.fixed:
            self._known[layout.places.key] = layout.places.for_all()
        self._part: FeaturePart | None = None
        self.trace: DenoiserTrace | None = None
        """Of the first step of the last recorded call, if there is no layout."""
        self._traced_states: dict[str, PromptStates] = {}
        self._unseen: set[str] = set()
        self._states: dict[str, PromptStates] = {}
        self._reset((), (), 0)

    @property
    def call_arguments(self) -> dict[str, Any]:
        """What the pipeline's call must be given for the steps to be counted."""
        return {} if self._callback is None else {self._callback: self._end_step}

    @contextmanager
    def recording(
        self,
        prompts: Sequence[Prompt],
        rows: Sequence[int],
        batch: int,
        *,
        size: tuple[int, int] | None = None,
    ) -> Iterator[None]:
        """Record the pipeline's next call, made in the block.

        Args:
            prompts: those to record, ``r`` of them, if they are among the located ones.
            rows: their rows in the call's batch, ``r``.
            batch: images in the call.
            size: height and width of the images, which tell the shape of packed latents; taken
                as square if None.

        Raises:
            ModelError: a wanted step could not be recorded, or no encoder was given the prompts.
        """
        if self._located is not None:
            picked = [i for i, prompt in enumerate(prompts) if prompt.id in self._located]
            prompts, rows = [prompts[i] for i in picked], [rows[i] for i in picked]
        self._reset(prompts, rows, batch, size)
        with ExitStack() as stack:
            if prompts:
                self._states = stack.enter_context(
                    reading_prompt_states(
                        self._encoders, prompts, rows, batch, self._located, self._layers()
                    )
                )
                self._reader = self._new_reader()
                stack.callback(self._stop_watching)
                self._watch_if_wanted()
            with suppress(AllRecordedError):
                yield
            if not self._recorded and not self._has_callback:
                self._require_recorded()
        arrays = on_host(self._reader.features)
        self._part = FeaturePart(tuple(prompt.id for prompt in prompts), arrays)
        if self._layout is None and prompts:
            self.trace = replace(self._template, calls=tuple(self._calls))
            self._traced_states, self._unseen = self._states, self._reader.unseen
        self._reset((), (), 0)

    def take(self) -> FeaturePart:
        """What the last recorded call left; empty if nothing was to be recorded."""
        part, self._part = self._part, None
        return FeaturePart((), {}) if part is None else part

    def find_layout(self, other: DenoiserTrace | None = None) -> DenoiserLayout:
        """The layout, decided from the trace of the last recorded call.

        Args:
            other: the trace of a call with the same noise and other prompts, see `find_layout`.

        Raises:
            ModelError: what is declared of the denoiser's family does not hold.
        """
        assert self.trace is not None
        layout = find_layout(self.trace, self._traced_states, other)
        unseen = [block for block in self._blocks if block in self._unseen]
        if not unseen:
            return layout
        sentence = (
            f"The cross-attention of {', '.join(unseen)} of the denoiser is computed where it "
            "cannot be seen, so these blocks are not read at a slot's words."
        )
        return replace(layout, not_located=(*layout.not_located, sentence))

    def _layers(self) -> dict[str, str] | None:
        """The layer of each encoder whose states are needed; None for all of them."""
        if self._layout is None or not self._layout.places.states:
            return None
        return {name: place.layer for name, place in self._layout.places.states.items()}

    def _reset(
        self,
        prompts: Sequence[Prompt],
        rows: Sequence[int],
        batch: int,
        size: tuple[int, int] | None = None,
    ) -> None:
        self._prompts = tuple(prompts)
        self._rows = list(rows)
        self._batch = batch
        self._size = size
        self._template = replace(self._untraced, batch=batch, prompts=tuple(rows), size=size)
        self._step = 0
        self._call = 0  # of the denoiser in this step
        self._active = False
        self._own: list[int] = []  # rows of the running call that hold the prompts
        self._recorded: set[int] = set()
        self._states = {}
        self._places: CallPlaces | None = None  # None while they are searched for
        self._holder: Holder | None = None
        self._outputs: dict[str, Any] = {}  # of blocks, while places are searched for
        self._calls: list[TracedCall] = []
        self._watching = ExitStack()
        self._tracing = ExitStack()
        self._image: tuple[int, int] | None = None
        self._reader = self._new_reader()

    def _new_reader(self) -> BlockReader:
        return BlockReader(
            self._name, self._untraced.denoiser, self._attentions, self._prompts, self._states
        )

    def _end_step(self, *_: Any) -> dict[str, Any]:
        if self._step in self.steps and self._step not in self._recorded:
            self._require_recorded()
        self._step += 1
        self._call = 0
        self._watch_if_wanted()
        return {}

    def _require_recorded(self) -> None:
        """Refuse to leave out a step in which the prompts should have been found."""
        if self._prompts and self._layout is not None and self._can_be_found():
            raise ModelError(
                f"The denoiser of {self._untraced.pipeline} was not given the prompts at step "
                f"{self._step} as it was when it was traced, so it cannot be recorded; give "
                "--no-denoiser-station"
            )

    def _can_be_found(self) -> bool:
        """Whether some prompt's states are finite, so that they can be looked for."""
        places = self._layout.places.states if self._layout is not None else {}
        return not places or any(
            bool(each.finite.any())
            for name in places
            if name in self._states
            for each in self._states[name].spans.values()
        )

    def _watch_if_wanted(self) -> None:
        """Hook the denoiser for the step that begins, if it is to be recorded."""
        self._stop_watching()
        if self._has_callback and self._step not in self.steps:
            return
        attention = any(self._attentions.values())
        self._watching.enter_context(
            observable(self._denoiser, compiled=self._compiled, attention=attention)
        )
        for handle in self._attach():
            self._watching.callback(handle.remove)

    def _stop_watching(self) -> None:
        self._active = False
        self._tracing.close()
        self._watching.close()

    def _attach(self) -> Iterator[Any]:
        yield self._denoiser.register_forward_pre_hook(self._begin_call, with_kwargs=True)
        for path, block in self._blocks.items():
            for attention in self._attentions[path]:
                yield from attention.attach(lambda: self._active)
            yield block.register_forward_hook(self._keep(path))
        yield self._denoiser.register_forward_hook(self._end_call)

    def _begin_call(self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self._active = False
        self._own = []
        wanted = self._is_wanted(self._step) and self._step not in self._recorded
        tracing = self._layout is None and len(self._calls) < TRACED_CALLS
        if not wanted and self._has_callback and not (tracing and self._step == 0):
            return
        arguments = arguments_of(module, args, kwargs)
        sample = next(iter(arguments.values()))
        if len(sample) % self._batch:
            return
        self._places = self._holder = None
        if wanted or not self._has_callback:
            self._locate(arguments, len(sample))
        self._call += 1
        self._active = wanted and bool(self._own)
        if self._active and self._change is not None and self._places is None:
            raise ModelError(
                f"The denoiser of {self._untraced.pipeline} was not given the prompts at step "
                f"{self._step} as it was when it was traced, so what it holds cannot be changed"
            )
        # Without a callback, the first step lasts until a call holds the prompts once more.
        tracing = tracing and (self._step == 0 or not (self._has_callback or self._own))
        if tracing and self._recorded:
            self._calls.append(TracedCall(len(sample), (), copied(arguments)))
            return
        if not tracing and (self._places is not None or not self._active):
            return
        if self._active:
            self._image, _ = image_sizes(sample, self._size)
        rows = range(len(sample)) if tracing else self._own
        self._tracer.begin(copied(arguments) if tracing else arguments, len(sample), rows)
        for handle in self._tracer.attach(follow=bool(self._template.stacked)):
            self._tracing.callback(handle.remove)

    def _is_wanted(self, step: int) -> bool:
        return step in self.steps or (self._change is not None and not self.steps)

    def _locate(self, arguments: Mapping[str, Any], size: int) -> None:
        """Set the rows of a call's batch that hold the prompts, and the places if they are known.

        The rows stay empty where the prompts are not in this call.
        """
        parts = size // self._batch
        layout = self._layout
        if layout is not None and not layout.places.states:
            # It is not given the states, so that nothing but the shape of the batch can be checked.
            if parts == layout.places.parts and self._call == layout.call:
                self._own = self._rows_of(layout.places.part)
                known = self._known.get(call_key(parts, {}))
                if known is not None:
                    self._use(known, arguments)
                else:
                    self._holder = Holder(layout.call, layout.places.part, {})
            return
        lengths = {} if layout is None else lengths_of(arguments, layout.places.states)
        known = self._known.get(call_key(parts, lengths))
        if known is not None:
            rows = self._rows_of(known.part)
            if holds_states(arguments, known.states, self._states, rows) <= TOLERANCE:
                self._use(known, arguments)
                return
            own_call = layout is not None and layout.conditional == "own call"
            if own_call and layout is not None and self._call != layout.call:
                return
        call = TracedCall(size, (), arguments)
        self._holder = find_conditional(replace(self._template, calls=(call,)), self._states)
        if self._holder is not None:
            self._own = self._rows_of(self._holder.part)

    def _use(self, places: CallPlaces, arguments: Mapping[str, Any]) -> None:
        self._own = self._rows_of(places.part)
        self._image, _ = image_sizes(next(iter(arguments.values())), self._size)
        self._places = places

    def _rows_of(self, part: int) -> list[int]:
        return [part * self._batch + row for row in self._rows]

    def _end_call(self, *_: Any) -> None:
        own, active = self._own, self._active
        if self._tracer.is_on:
            self._tracing.close()
            call = self._tracer.end()
            if self._layout is None and self._step == 0 and len(self._calls) < TRACED_CALLS:
                self._calls.append(call)
            if active and self._places is None and self._holder is not None:
                self._read_found(call, self._holder)
        if active:
            self._recorded.add(self._step)
        self._active = False
        if self._stops and self._recorded.issuperset(self.steps):
            raise AllRecordedError
        if not self._has_callback and own:
            self._step += 1
            self._call = 0

    def _read_found(self, call: TracedCall, holder: Holder) -> None:
        """Read the blocks' outputs that were kept until their places were found."""
        self._places, _ = places_in_call(self._template, call, holder, self._states)
        fixed = self._layout is not None and self._layout.fixed
        if fixed and self._places.are_same_for_all:
            self._known[self._places.key] = self._places.for_all()
        for path, output in self._outputs.items():
            self._read(path, output, self._places)
        self._outputs = {}

    def _keep(self, path: str) -> Callable[..., Any]:
        def keep(_: nn.Module, __: Any, output: Any) -> Any:
            if not self._active:
                return None
            if self._places is None:
                self._outputs[path] = output
                return None
            return self._read(path, output, self._places)

        return keep

    def _read(self, path: str, output: Any, places: CallPlaces) -> Any:
        """What the block hands on instead of its `output`; None where that is not changed."""
        tokens = {name: each.tokens for name, each in self._states.items()}
        call = RecordedCall(self._step, places, self._own, self._image, tokens)
        if self._change is not None:
            return self._change(call, path, output)
        self._reader.read(call, path, output)
        return None


def cross_attentions(block: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    for path, module in block.named_modules():
        named = path.rpartition(".")[2] == "attn2"
        # Some joint blocks have a second self-attention of that name.
        if named and hasattr(module, "to_q") and getattr(module, "is_cross_attention", True):
            yield path, module
