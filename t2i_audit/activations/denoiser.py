"""The denoiser station: what its blocks hold of a prompt while a picture is being sampled.

Hooks look on and change nothing; they act at the wanted steps alone, on the conditional half of
the classifier-free-guidance batch.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

from t2i_audit.activations.attention import CrossAttention, attention_maps, grid_shape, key_averages
from t2i_audit.activations.hooks import Call, recording, text_encoders
from t2i_audit.activations.positions import locate
from t2i_audit.activations.store import FeaturePart, Key
from t2i_audit.errors import ModelError

if TYPE_CHECKING:
    import torch
    from torch import nn

    from prompts.structure import Prompt

GRID = "grid"
GRID_SIDE = 2  # cells a side: two objects fall into different cells, whatever their relation
STEP_CALLBACK = "callback_on_step_end"
DENOISERS = ("unet", "transformer")
STACKS = ("transformer_blocks", "single_transformer_blocks", "layers", "blocks")
TRANSFORMER_BLOCKS = 4  # of a transformer's many blocks, spread evenly over its depth


def default_steps(steps: int) -> tuple[int, ...]:
    """The first step (pure noise: only the text can be there) and the one a third of the way."""
    return tuple(sorted({0, steps // 3}))


def denoiser_blocks(pipeline: Any) -> tuple[str, dict[str, nn.Module]]:
    """The denoiser's component name and its blocks to record, by module path in order of depth.

    Of a UNet every top-level block, of a transformer the last block of each quarter.

    Raises:
        ModelError: the pipeline has no denoiser whose blocks are known.
    """
    for name in DENOISERS:
        denoiser = pipeline.components.get(name)
        if denoiser is None:
            continue
        paths: list[str] = []
        if hasattr(denoiser, "down_blocks") and hasattr(denoiser, "up_blocks"):
            paths += [f"down_blocks.{i}" for i in range(len(denoiser.down_blocks))]
            paths += ["mid_block"] if getattr(denoiser, "mid_block", None) is not None else []
            paths += [f"up_blocks.{i}" for i in range(len(denoiser.up_blocks))]
        else:
            stacks = [stack for stack in STACKS if hasattr(denoiser, stack)]
            every = [f"{s}.{i}" for s in stacks for i in range(len(getattr(denoiser, s)))]
            count = min(TRANSFORMER_BLOCKS, len(every))
            paths = [every[(i + 1) * len(every) // count - 1] for i in range(count)]
        if paths:
            return name, {path: denoiser.get_submodule(path) for path in paths}
    raise ModelError(
        f"{type(pipeline).__name__} has no denoiser whose blocks are known; "
        "switch the denoiser station off."
    )


class DenoiserRecorder:
    """Records block outputs of a pipeline's denoiser, one batch of pictures at a time.

    Layers are named ``<block>@step_<i>``. Positions are ``grid`` (averaged to 2 x 2 cells, the
    channels of each cell, flattened) and, for blocks with cross-attention, each constituent's slot
    (averaged over space, weighted by the attention paid to that constituent's tokens).

    Args:
        pipeline: the pipeline that will sample.
        steps: indices of the sampling steps to record.
    """

    def __init__(self, pipeline: Any, *, steps: Sequence[int]) -> None:
        self.steps = tuple(sorted(set(steps)))
        self._name, self._blocks = denoiser_blocks(pipeline)
        self._denoiser = pipeline.components[self._name]
        self._encoders = text_encoders(pipeline)
        self._attentions = {
            path: [CrossAttention(path, module) for path, module in _cross_attentions(block)]
            for path, block in self._blocks.items()
        }
        # Without a callback each call of the denoiser counts as a step.
        called = inspect.signature(type(pipeline).__call__).parameters
        self._told = STEP_CALLBACK in called
        self._part: FeaturePart | None = None
        self._reset((), (), 0)

    @property
    def call_arguments(self) -> dict[str, Any]:
        """What the pipeline's call must be given for the steps to be counted."""
        return {STEP_CALLBACK: self._end_step} if self._told else {}

    @contextmanager
    def recording(
        self, prompts: Sequence[Prompt], rows: Sequence[int], batch: int
    ) -> Iterator[None]:
        """Record the pipeline's next call, made in the block.

        Args:
            prompts: those to record, ``r`` of them.
            rows: their rows in the call's batch, ``r``.
            batch: pictures in the call.
        """
        self._reset(prompts, rows, batch)
        with ExitStack() as stack:
            if prompts:
                calls = stack.enter_context(recording(self._encoders, states=False))
                for handle in self._attach(calls):
                    stack.callback(handle.remove)
            yield
        arrays = {key: values.cpu().numpy() for key, values in self._features.items()}
        self._part = FeaturePart(tuple(prompt.id for prompt in prompts), arrays)
        self._reset((), (), 0)

    def take(self) -> FeaturePart:
        """What the last recorded call left; empty if nothing was to be recorded."""
        part, self._part = self._part, None
        return FeaturePart((), {}) if part is None else part

    def _reset(self, prompts: Sequence[Prompt], rows: Sequence[int], batch: int) -> None:
        self._prompts = tuple(prompts)
        self._rows = list(rows)
        self._batch = batch
        self._step = 0
        self._called = False  # whether the denoiser ran in this step already
        self._active = False
        self._shape: tuple[int, ...] = ()
        self._features: dict[Key, torch.Tensor] = {}
        self._slots = tuple(dict.fromkeys(part.slot for p in prompts for part in p.constituents))
        self._averages: dict[int, torch.Tensor] = {}

    def _end_step(self, *_: Any) -> dict[str, Any]:
        self._step += 1
        self._called = False
        return {}

    def _attach(self, calls: dict[str, list[Call]]) -> Iterator[Any]:
        import torch

        def begin(_: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            # A second call within a step is the unconditional half, where it runs by itself.
            again = self._called
            self._called = True
            sample = args[0] if args else kwargs.get("sample", kwargs.get("hidden_states"))
            self._active = False
            # Lists of pictures of several sizes, which some transformers take, are left alone.
            if again or self._step not in self.steps or not isinstance(sample, torch.Tensor):
                return
            if len(sample) % self._batch == 0:
                self._active = True
                self._shape = tuple(sample.shape)
                if not self._averages:
                    self._averages = self._locate(calls)

        def end(*_: Any) -> None:
            self._active = False
            if not self._told:
                self._end_step()

        yield self._denoiser.register_forward_pre_hook(begin, with_kwargs=True)
        for path, block in self._blocks.items():
            for attention in self._attentions[path]:
                yield from attention.attach(lambda: self._active)
            yield block.register_forward_hook(self._keep(path))
        yield self._denoiser.register_forward_hook(end)

    def _keep(self, path: str) -> Callable[..., None]:
        def keep(_: nn.Module, __: Any, output: Any) -> None:
            if not self._active:
                return
            state = self._spatial(output)
            if state is None:
                return
            import torch
            from torch.nn import functional

            layer = f"{path}@step_{self._step}"
            with torch.no_grad():
                grid = functional.adaptive_avg_pool2d(state, GRID_SIDE).flatten(1)
                self._features[self._name, layer, GRID] = grid
                self._pool_by_attention(path, layer, state)

        return keep

    def _pool_by_attention(self, path: str, layer: str, state: torch.Tensor) -> None:
        import torch

        height, width = state.shape[-2:]
        maps = attention_maps(
            self._attentions[path],
            rows=self._conditional_rows(),
            picture=self._shape[-2:] if len(self._shape) == 4 else None,
            averages=self._averages,
            size=(height, width),
        )
        if maps is None:
            return
        # (r, p, hw) x (r, hw, c): rows of NaN where a prompt lacks the slot.
        pooled = torch.bmm(maps, state.flatten(2).transpose(1, 2))
        for index, slot in enumerate(self._slots):
            self._features[self._name, layer, slot] = pooled[:, index]

    def _spatial(self, output: Any) -> torch.Tensor | None:
        """A block's output as float32 ``(r, c, h, w)``, conditional rows only."""
        every = output if isinstance(output, tuple | list) else (output,)
        # The last joint block of some transformers gives None for its text.
        outputs = [each for each in every if each is not None]
        rows = self._conditional_rows()
        if outputs[0].ndim == 4:
            return outputs[0][rows].float()
        # A joint block returns text and picture tokens; the latter are as many as the patches.
        for tensor in reversed(outputs):
            if hasattr(tensor, "ndim") and tensor.ndim == 3:
                packed = len(self._shape) == 3
                picture = None if packed else self._shape[-2:]
                if packed and tensor.shape[1] != self._shape[1]:
                    continue
                size = grid_shape(tensor.shape[1], picture)
                if size is not None:
                    return tensor[rows].float().transpose(1, 2).unflatten(2, size)
        return None

    def _conditional_rows(self) -> list[int]:
        """Guided batches are [unconditional, conditional, ...]; unguided ones all conditional."""
        first = self._batch if self._shape[0] > self._batch else 0
        return [first + row for row in self._rows]

    def _locate(self, calls: dict[str, list[Call]]) -> dict[int, torch.Tensor]:
        """Averages of the keys over each prompt's words, for each length of an encoder's input."""
        averages: dict[int, torch.Tensor] = {}
        for encoder in self._encoders:
            for call in calls[encoder.name]:
                length = call.ids.shape[1]
                if length in averages or len(call.ids) < self._batch:
                    continue
                ids = call.ids[-self._batch :].tolist()
                try:
                    located = [
                        locate(encoder.tokenizer, prompt, ids[row])
                        for prompt, row in zip(self._prompts, self._rows, strict=True)
                    ]
                except ModelError:
                    continue  # the negative prompt's call
                averages[length] = key_averages(located, self._slots, length)
        return averages


def _cross_attentions(block: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    for path, module in block.named_modules():
        named = path.rpartition(".")[2] == "attn2"
        # Some joint blocks have a second self-attention of that name.
        if named and hasattr(module, "to_q") and getattr(module, "is_cross_attention", True):
            yield path, module
