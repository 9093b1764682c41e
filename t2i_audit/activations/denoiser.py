"""The denoiser station: what its blocks hold of a prompt while a picture is being sampled.

Hooks look on and change nothing; they act at the wanted steps alone, on the rows of the guided
batch that hold the prompts.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

from t2i_audit.activations.attention import CrossAttention, attention_maps, grid_shape, key_averages
from t2i_audit.activations.features import FeaturePart, Key
from t2i_audit.activations.following import PICTURE, Follower
from t2i_audit.activations.given import Found, packed_picture, varied_offset, words_in
from t2i_audit.activations.text.positions import PromptTokens, token_averages
from t2i_audit.activations.words import Located, Words, reading_words
from t2i_audit.errors import ModelError
from t2i_audit.pipelines.components import denoiser_name, stage_argument
from t2i_audit.pipelines.text_encoders import text_encoders
from t2i_audit.results.place import Position, layer_text

if TYPE_CHECKING:
    import torch
    from torch import nn

    from prompts.structure import Prompt

GRID = "grid"
GRID_SIDE = 2  # cells a side: two objects fall into different cells, whatever their relation
STEP_CALLBACK = "callback_on_step_end"
# Stacks of blocks that work on the text alone or on the picture before it meets the text.
SIDE_STACKS = ("refiner", "text", "context", "caption", "controlnet")
TRANSFORMER_BLOCKS = 4  # of a transformer's many blocks, spread evenly over its depth
PATCH_SIDES = (1, 2, 4)  # of the transformers' patches, in latent pixels
PADDING = 32  # tokens; transformers that take pictures of several sizes fill up to a multiple


def default_steps(steps: int) -> tuple[int, ...]:
    """The first step (pure noise: only the text can be there) and the one a third of the way."""
    return tuple(sorted({0, steps // 3}))


def denoiser_blocks(pipeline: Any) -> tuple[str, dict[str, nn.Module]]:
    """The denoiser's component name and its blocks to record, by module path in order of depth.

    Of a UNet every top-level block, of a transformer the last block of each quarter.

    Raises:
        ModelError: the pipeline has no denoiser whose blocks are known.
    """
    from torch import nn

    name = denoiser_name(pipeline)
    if name is not None:
        denoiser = pipeline.components[name]
        paths: list[str] = []
        if hasattr(denoiser, "down_blocks") and hasattr(denoiser, "up_blocks"):
            paths += [f"down_blocks.{i}" for i in range(len(denoiser.down_blocks))]
            paths += ["mid_block"] if getattr(denoiser, "mid_block", None) is not None else []
            paths += [f"up_blocks.{i}" for i in range(len(denoiser.up_blocks))]
        else:
            every = list(_stacked_blocks(denoiser))
            count = min(TRANSFORMER_BLOCKS, len(every))
            paths = [every[(i + 1) * len(every) // count - 1] for i in range(count)]
        if paths:
            blocks = ((path, denoiser.get_submodule(path)) for path in paths)
            # A bare list is never called; what its last entry makes is what it makes.
            return name, {
                path: block[-1] if isinstance(block, nn.ModuleList) else block
                for path, block in blocks
            }
    raise ModelError(
        f"{type(pipeline).__name__} has no denoiser whose blocks are known; "
        "switch the denoiser station off."
    )


class DenoiserRecorder:
    """Records block outputs of a pipeline's denoiser, one batch of pictures at a time.

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
    """

    def __init__(
        self, pipeline: Any, *, steps: Sequence[int], located: Located | None = None
    ) -> None:
        self._located = located
        self.steps = tuple(sorted(set(steps)))
        self._name, self._blocks = denoiser_blocks(pipeline)
        self._denoiser = pipeline.components[self._name]
        self._encoders = text_encoders(pipeline)
        self._attentions = {
            path: [CrossAttention(path, module) for path, module in _cross_attentions(block)]
            for path, block in self._blocks.items()
        }
        self._follower = Follower(self._denoiser, tuple(_stacked_blocks(self._denoiser)))
        called = inspect.signature(type(pipeline).__call__).parameters
        # Without a callback each call of the denoiser that holds the prompts counts as a step.
        self._callback = stage_argument(pipeline, STEP_CALLBACK)
        self._told = self._callback in called
        self._part: FeaturePart | None = None
        self._words: dict[str, Words] = {}
        self._reset((), (), 0)

    @property
    def call_arguments(self) -> dict[str, Any]:
        """What the pipeline's call must be given for the steps to be counted."""
        return {self._callback: self._end_step} if self._told else {}

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
            batch: pictures in the call.
            size: height and width of the pictures, which tell the shape of packed latents; taken
                as square if None.
        """
        if self._located is not None:
            picked = [i for i, prompt in enumerate(prompts) if prompt.id in self._located]
            prompts, rows = [prompts[i] for i in picked], [rows[i] for i in picked]
        self._reset(prompts, rows, batch)
        self._asked: tuple[int, int] | None = size
        with ExitStack() as stack:
            if prompts:
                self._words = stack.enter_context(
                    reading_words(self._encoders, prompts, rows, batch, self._located)
                )
                for handle in self._attach():
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
        self._active = False
        self._own: list[int] = []  # rows of the running call that hold the prompts
        self._recorded: set[int] = set()
        self._words = {}
        self._text: dict[str, Found] = {}
        self._ended: set[str] = set()  # encoders whose end tokens are among those states
        self._placed = False
        self._picture: tuple[int, ...] | None = None
        self._sizes: dict[int, tuple[int, int]] = {}
        self._features: dict[Key, torch.Tensor] = {}
        self._slots = tuple(dict.fromkeys(part.slot for p in prompts for part in p.constituents))
        self._averages: dict[str, dict[int, torch.Tensor]] = {}

    def _end_step(self, *_: Any) -> dict[str, Any]:
        self._step += 1
        return {}

    def _attach(self) -> Iterator[Any]:
        def begin(_: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            self._active = False
            self._own = []
            wanted = self._step in self.steps and self._step not in self._recorded
            if wanted or not self._told:
                self._begin([*args, *kwargs.values()])
                self._active = bool(wanted and self._own)

        def end(*_: Any) -> None:
            if self._active:
                self._recorded.add(self._step)
                self._placed = True
            self._active = self._follower.active = False
            if not self._told and self._own:
                self._end_step()

        yield self._denoiser.register_forward_pre_hook(begin, with_kwargs=True)
        # A UNet's text stays outside of its blocks, and its pictures are no sequences.
        if not hasattr(self._denoiser, "down_blocks"):
            yield from self._follower.attach()
        for path, block in self._blocks.items():
            for attention in self._attentions[path]:
                yield from attention.attach(lambda: self._active)
            yield block.register_forward_hook(self._keep(path))
        yield self._denoiser.register_forward_hook(end)

    def _begin(self, values: Sequence[Any]) -> None:
        import torch

        sample = values[0]
        own, found = words_in(values, self._words, self._rows, self._batch)
        if not own and not self._text and len(sample) % self._batch == 0:
            # The denoiser is given something else than the encoders' states.
            start = varied_offset(values[1:], len(sample), self._batch)
            own = [start + row for row in self._rows]
        self._own = own
        if not own or self._placed:
            return
        self._text = found
        self._picture, self._sizes = _picture_sizes(sample, self._asked)
        packed = packed_picture(sample, own, list(found.values()))
        if packed is not None:
            self._sizes = _sizes_of(packed[1], self._asked)
        self._follower.begin(own, len(sample), picture_lengths=tuple(self._sizes))
        for name, held in found.items():
            self._follower.mark(name, held.vectors)
            ends = torch.tensor([each.eos for each in self._moved(name, held.positions)])
            # Of some templates what follows the prompt is cut off.
            if int(ends.max()) < held.length:
                self._ended.add(name)
        if packed is not None:
            first, count = packed
            places = {name: held.positions for name, held in found.items()}
            self._follower.mark(PICTURE, sample[own, first])
            self._follower.pack(
                sample.shape[1], count, {**places, PICTURE: torch.full((len(own),), first)}
            )

    def _moved(self, encoder: str, positions: torch.Tensor) -> list[PromptTokens]:
        """The prompts' tokens in a sequence in which the last of each is at `positions`."""
        tokens = self._words[encoder].tokens
        ends = (each.last for each in tokens)
        return [
            each.moved(int(position) - end)
            for each, position, end in zip(tokens, positions, ends, strict=True)
        ]

    def _keep(self, path: str) -> Callable[..., None]:
        def keep(_: nn.Module, __: Any, output: Any) -> None:
            if not self._active:
                return
            import torch
            from torch.nn import functional

            layer = layer_text(path, self._step)
            with torch.no_grad():
                state = self._spatial(path, output)
                if state is not None:
                    grid = functional.adaptive_avg_pool2d(state, GRID_SIDE).flatten(1)
                    self._features[self._name, layer, GRID] = grid
                    self._pool_by_attention(path, layer, state)
                self._keep_text(path, layer, output)

        return keep

    def _pool_by_attention(self, path: str, layer: str, state: torch.Tensor) -> None:
        import torch

        height, width = state.shape[-2:]
        maps = attention_maps(
            self._attentions[path],
            rows=self._own,
            picture=self._picture,
            averages=self._key_averages(path),
            size=(height, width),
        )
        if maps is None:
            return
        # (r, p, hw) x (r, hw, c): rows of NaN where a prompt lacks the slot.
        pooled = torch.bmm(maps, state.flatten(2).transpose(1, 2))
        for index, slot in enumerate(self._slots):
            self._features[self._name, layer, str(Position.of_slot(slot))] = pooled[:, index]

    def _key_averages(self, path: str) -> dict[int, torch.Tensor]:
        """Length -> averages of a block's keys over the words, for each text it is given."""
        import torch

        if path not in self._averages:
            given = {
                (name, length): place.positions
                for name, (length, place) in self._follower.inputs.get(path, {}).items()
                if name != PICTURE
            } or {(name, held.length): held.positions for name, held in self._text.items()}
            by_length: dict[int, list[torch.Tensor]] = {}
            for (name, length), positions in given.items():
                moved = self._moved(name, positions)
                by_length.setdefault(length, []).append(key_averages(moved, self._slots, length))
            # The same words as several encoders see them: one after the other, or side by side.
            self._averages[path] = {
                length: torch.stack(each).nanmean(dim=0) for length, each in by_length.items()
            }
        return self._averages[path]

    def _keep_text(self, path: str, layer: str, output: Any) -> None:
        """The states of the text tokens themselves, where the block hands them on."""
        import torch

        done: list[torch.Tensor] = []
        for encoder, place in self._follower.places.get(path, {}).items():
            # Encoders whose states were laid side by side share their tokens.
            if encoder == PICTURE or any(torch.equal(place.positions, each) for each in done):
                continue
            done.append(place.positions)
            states = place.take(output, self._own)
            tokens = self._moved(encoder, place.positions)
            weights = token_averages(tokens, self._slots, states.shape[1])
            held = torch.tensor([each.located for each in tokens])
            missing = (weights.sum(dim=2) == 0) | ~held[:, None]
            values = weights.to(states.device) @ states.float()
            values[missing.to(states.device)] = torch.nan
            slots = (Position.of_slot(slot, tokens_of=encoder) for slot in self._slots)
            ends = (Position(name, tokens_of=encoder) for name in ("eos", "mean"))
            for index, position in enumerate((*ends, *slots)):
                if index or encoder in self._ended:
                    self._features[self._name, layer, str(position)] = values[:, index]

    def _spatial(self, path: str, output: Any) -> torch.Tensor | None:
        """A block's output as float32 ``(r, c, h, w)``, the prompts' rows only."""
        import torch

        every = output if isinstance(output, tuple | list) else (output,)
        first = next((each for each in every if isinstance(each, torch.Tensor)), None)
        if first is not None and first.ndim == 4:
            return first[self._own].float()
        place = self._follower.places.get(path, {}).get(PICTURE)
        if place is None:
            return None
        tokens = place.take(output, self._own)
        height, width = self._sizes[self._follower.picture_length]
        span = place.positions[:, None] + torch.arange(height * width)
        picked = tokens[torch.arange(len(tokens))[:, None], span]
        return picked.float().transpose(1, 2).unflatten(2, (height, width))


def _stacked_blocks(denoiser: nn.Module) -> Iterator[str]:
    """Paths of a transformer's blocks with attention, in order of depth."""
    from torch import nn

    for name, stack in denoiser.named_children():
        if not isinstance(stack, nn.ModuleList) or any(side in name for side in SIDE_STACKS):
            continue
        for index, block in enumerate(stack):
            if any("attn" in path or "attention" in path for path, _ in block.named_modules()):
                yield f"{name}.{index}"


def _picture_sizes(
    sample: Any, asked: tuple[int, int] | None
) -> tuple[tuple[int, ...] | None, dict[int, tuple[int, int]]]:
    """Height and width of a denoiser's input, and by number of tokens those of what it makes of it.

    Packed pictures ``(b, n, c)`` have no height and width of their own and are shaped as the
    picture that was `asked` for, or taken as square.
    """
    if isinstance(sample, list | tuple):
        own = sample[0]
        height, width = (own[-1] if isinstance(own, list | tuple) else own).shape[-2:]
    elif sample.ndim == 3:
        return asked, _sizes_of(sample.shape[1], asked)
    elif sample.ndim == 5 and sample.shape[1] == 1:
        height, width = sample.shape[2:4]  # one frame, channels last
    else:
        height, width = sample.shape[-2:]
    sizes: dict[int, tuple[int, int]] = {}
    for side in PATCH_SIDES:
        size = -(-height // side), -(-width // side)
        length = size[0] * size[1]
        sizes.setdefault(length, size)
        if isinstance(sample, list | tuple):
            sizes.setdefault(-(-length // PADDING) * PADDING, size)
    return (height, width), sizes


def _sizes_of(length: int, asked: tuple[int, int] | None) -> dict[int, tuple[int, int]]:
    size = grid_shape(length, asked) or grid_shape(length, None)
    return {} if size is None else {length: size}


def _cross_attentions(block: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    for path, module in block.named_modules():
        named = path.rpartition(".")[2] == "attn2"
        # Some joint blocks have a second self-attention of that name.
        if named and hasattr(module, "to_q") and getattr(module, "is_cross_attention", True):
            yield path, module
