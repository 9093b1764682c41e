"""Which arguments of a denoiser depend on the prompts: found by an experiment.

Two texts are drawn from the same noise twice, the second time with another text in place of one of
them. What then differs in the first step is what carries the text, whatever encoders, projections
or stages it has passed, and the rows in which it differs are those that hold that prompt. Nothing
that depends on the text can be overlooked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from prompts.structure import Prompt
from t2i_audit.activations.denoiser.inputs import find_states
from t2i_audit.activations.denoiser.layout import StatesPlace
from t2i_audit.activations.denoiser.prompt_states import (
    Located,
    PromptStates,
    reading_prompt_states,
)
from t2i_audit.activations.text.encode import encode_suite
from t2i_audit.activations.text.tokenizing import tokenize
from t2i_audit.errors import ModelError
from t2i_audit.generation.batches import Batch, BatchItem
from t2i_audit.interventions.arguments import TextArgument, at
from t2i_audit.interventions.calls import AllReadError, call_pipeline, watching
from t2i_audit.interventions.differences import TOGETHER, Differences, differences
from t2i_audit.pipelines.components import FIRST_STAGE

if TYPE_CHECKING:
    import torch

    from t2i_audit.generation.sampling import Sampling
    from t2i_audit.models.loaded import LoadedModel

CALLS = 4  # of the denoiser in one step, at most
TRIED = 64  # texts from which two are taken


@dataclass(frozen=True)
class HeldWords:
    """Where one encoder's tokens are in one argument."""

    encoder: str
    argument: TextArgument
    layer: str
    shift: int | None
    """Position there minus position in the encoder's input; None where it depends on the prompts
    and is looked for in each batch."""


@dataclass(frozen=True)
class TextInput:
    """What a denoiser is given of the prompts, and where."""

    call: int
    """The first call of a step that holds the prompts."""
    part: int
    """The first part of that call's batch that holds them."""
    arguments: tuple[TextArgument, ...]
    words: tuple[HeldWords, ...]
    """One for each encoder and argument that holds its tokens."""
    notes: tuple[str, ...]
    """What a reader of the results must know, in sentences."""
    located: Located
    """Of every prompt."""

    @property
    def layers(self) -> dict[str, str]:
        """The layer of each encoder by whose states its tokens are found."""
        return {each.encoder: each.layer for each in reversed(self.words)}


def find_text_input(
    loaded: LoadedModel, prompts: Sequence[Prompt], sampling: Sampling
) -> TextInput:
    """Find out how the denoiser of `loaded` is given the text.

    Args:
        loaded: the model.
        prompts: of two different texts or more.
        sampling: how images are made.

    Raises:
        ModelError: what carries the text cannot be replaced, or nothing does.
    """
    located = _located(loaded, prompts, sampling)
    longer, shorter = _pair(loaded, prompts, located)
    calls, states = _first_step(loaded, [longer, shorter], sampling)
    # The longer text again: a batch is padded to its longest text, and stays as long as it was.
    others, _ = _first_step(loaded, [longer, replace(shorter, text=longer.text)], sampling)
    for index, (one, two) in enumerate(zip(calls, others, strict=False)):
        found = differences(one, two)
        if found.arguments or found.not_told:
            _require_told(loaded, found)
            arguments = tuple(
                _with_tokens(each, one, found.part, states) for each in found.arguments
            )
            words = _held_words(arguments, one, found.part, states)
            notes = _notes(loaded, arguments, words, found.numbers)
            return TextInput(index, found.part, arguments, words, notes, located)
    raise ModelError(
        f"The denoiser of {loaded.adapter.class_name} is given nothing that depends on the prompt "
        "at its first step, so nothing can be taken out of it."
    )


def _located(loaded: LoadedModel, prompts: Sequence[Prompt], sampling: Sampling) -> Located:
    """Which encoders get all constituents of each prompt."""
    if sampling.located is not None:
        return {prompt.id: sampling.located.get(prompt.id, frozenset()) for prompt in prompts}
    located: dict[str, frozenset[str]] = {}
    for start in range(0, len(prompts), sampling.batch_size):
        batch = prompts[start : start + sampling.batch_size]
        held = encode_suite(loaded, batch, batch_size=sampling.batch_size).held
        for row, prompt in enumerate(batch):
            located[prompt.id] = frozenset(name for name, own in held.items() if own[row])
    return located


def _pair(
    loaded: LoadedModel, prompts: Sequence[Prompt], located: Located
) -> tuple[Prompt, Prompt]:
    """Two prompts of different texts that the encoders read; the first has no fewer tokens.

    Raises:
        ModelError: there are none.
    """
    most = max((len(each) for each in located.values()), default=0)
    if not most:
        raise nothing_held(loaded)
    read = {p.text: p for p in prompts if len(located[p.id]) == most}
    texts = list(read)[:TRIED]
    tokens = [tokenize(each.tokenizer, texts) for each in loaded.adapter.text_encoders]
    lengths = {text: tuple(len(own[row].ids) for own in tokens) for row, text in enumerate(texts)}
    ordered = sorted(texts, key=lambda text: sum(lengths[text]))
    for text in reversed(ordered[1:]):
        pairs = zip(lengths[text], lengths[ordered[0]], strict=True)
        if all(long >= short for long, short in pairs):
            return read[text], read[ordered[0]]
    raise ModelError(
        "All prompts whose words are read have the same text, so nothing can be told apart in them."
    )


def nothing_held(loaded: LoadedModel) -> ModelError:
    """The error that no prompt can be read."""
    return ModelError(
        f"No text encoder of {loaded.adapter.class_name} holds all the words of a prompt in finite "
        "numbers, so nothing can be taken out of what its denoiser is given."
    )


def batch_of(prompts: Sequence[Prompt]) -> Batch:
    """One image of each of `prompts`, of the first seed."""
    return Batch(0, tuple(BatchItem(prompt, 0) for prompt in prompts))


def _first_step(
    loaded: LoadedModel, prompts: Sequence[Prompt], sampling: Sampling
) -> tuple[list[dict[str, Any]], Mapping[str, PromptStates]]:
    """The arguments of the denoiser's calls in the first step, and what the encoders computed."""
    calls: list[dict[str, Any]] = []

    def keep(arguments: dict[str, Any]) -> None:
        calls.append(arguments)
        if len(calls) >= CALLS:
            raise AllReadError

    def end() -> None:
        if calls:
            raise AllReadError

    encoders = loaded.adapter.text_encoders
    rows = range(len(prompts))
    with (
        reading_prompt_states(encoders, prompts, rows, len(prompts)) as states,
        watching(loaded, keep, end),
    ):
        call_pipeline(loaded, batch_of(prompts), sampling)
    return calls, states


def _require_told(loaded: LoadedModel, found: Differences) -> None:
    if found.not_told:
        raise ModelError(
            f"What the denoiser of {loaded.adapter.class_name} is given as "
            f"{' and '.join(found.not_told)} depends on the prompts, but not row by row, so it "
            "cannot be replaced for one of them."
        )


def _with_tokens(
    argument: TextArgument,
    call: Mapping[str, Any],
    part: int,
    states: Mapping[str, PromptStates],
) -> TextArgument:
    """`argument` with its dimension of tokens."""
    value = at(call, argument.path)
    if argument.rows is None:
        return argument
    own = argument.part(value, part, TOGETHER)
    shape = tuple(own.shape)
    if len(shape) == 2 or 1 in shape[1:-1]:
        return argument
    if len(shape) == 3:
        return replace(argument, tokens=1)
    # Layers come before the tokens or behind them. Where no words are found, the tokens are as many
    # as an encoder's, or else more than the layers.
    lengths = {len(row) for each in states.values() for row in each.rows}
    ways = sorted((1, 2), key=lambda way: (shape[way] in lengths, shape[way]), reverse=True)
    for dimension in ways:
        tried = replace(argument, tokens=dimension)
        if _found_in(tried, own, states):
            return tried
    return replace(argument, tokens=ways[0])


def _found_in(
    argument: TextArgument, part: Any, states: Mapping[str, PromptStates]
) -> dict[str, StatesPlace]:
    """The places of the encoders' states in one part of an argument."""
    found, _ = find_states({"": joined(argument.vectors(part))}, states, range(TOGETHER))
    return found


def joined(vectors: Sequence[torch.Tensor]) -> Any:
    """Sequences ``(s, d)`` of equal length as one tensor, others as a list."""
    import torch

    same = len({each.shape for each in vectors}) == 1
    return torch.stack(list(vectors)) if same else list(vectors)


def _held_words(
    arguments: Sequence[TextArgument],
    call: Mapping[str, Any],
    part: int,
    states: Mapping[str, PromptStates],
) -> tuple[HeldWords, ...]:
    held = []
    for argument in arguments:
        if not argument.is_sequence:
            continue
        own = argument.part(at(call, argument.path), part, TOGETHER)
        for encoder, place in _found_in(argument, own, states).items():
            ends = {each.last for each in states[encoder].tokens}
            shift = place.shift[0] if len(set(place.shift)) == 1 and len(ends) > 1 else None
            held.append(HeldWords(encoder, argument, place.layer, shift))
    return tuple(held)


def _notes(
    loaded: LoadedModel,
    arguments: Sequence[TextArgument],
    words: Sequence[HeldWords],
    numbers: Sequence[str],
) -> tuple[str, ...]:
    name = loaded.adapter.class_name
    with_words = {each.argument for each in words}
    by_place = [each.name for each in arguments if each.is_sequence and each not in with_words]
    notes = []
    if (loaded.adapter.denoiser or "").startswith(FIRST_STAGE):
        notes.append(
            f"The second stage of {name}, which adds detail, is given the text as it is: it is "
            "changed for the first stage alone."
        )
    if by_place:
        notes.append(
            f"The prompts' words are not found in what the denoiser of {name} is given as "
            f"{' and '.join(by_place)}, so its vectors are changed place by place."
        )
    if numbers:
        notes.append(
            f"What the denoiser of {name} is given as {' and '.join(numbers)} depends on the "
            "prompts and is whole numbers, which are left as they are."
        )
    return tuple(notes)
