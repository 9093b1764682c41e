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
from t2i_audit.activations.denoiser.prompt_states import PromptStates, reading_prompt_states
from t2i_audit.errors import ModelError
from t2i_audit.generation.batches import Batch, BatchItem
from t2i_audit.interventions.arguments import TextArgument, at, leaves
from t2i_audit.interventions.calls import AllReadError, call_pipeline, watching

if TYPE_CHECKING:
    import torch

    from t2i_audit.generation.sampling import Sampling
    from t2i_audit.models.loaded import LoadedModel

CALLS = 4  # of the denoiser in one step, at most
NOISE = 0.01  # of the largest difference; a row that differs by less does so by rounding
CHANGED, TOGETHER = 1, 2  # the row that gets another text, and the rows


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
    longest = max(prompts, key=lambda prompt: len(prompt.text))
    other = min(prompts, key=lambda prompt: (len(prompt.text), prompt.text == longest.text))
    if other.text == longest.text:
        raise ModelError("All prompts have the same text, so nothing can be told apart in them.")
    pair = [longest, other]
    calls, states = _first_step(loaded, pair, sampling)
    # The longer text again: a batch is padded to its longest text, and stays as long as it was.
    others, _ = _first_step(loaded, [longest, replace(other, text=longest.text)], sampling)
    for index, (one, two) in enumerate(zip(calls, others, strict=False)):
        found = _compared(one, two)
        if found.arguments or found.not_told:
            _require_told(loaded, found)
            arguments = tuple(
                _with_tokens(each, one, found.part, states) for each in found.arguments
            )
            words = _held_words(arguments, one, found.part, states)
            notes = _notes(loaded, arguments, words, found.numbers)
            return TextInput(index, found.part, arguments, words, notes)
    raise ModelError(
        f"The denoiser of {loaded.adapter.class_name} is given nothing that depends on the prompt "
        "at its first step, so nothing can be taken out of it."
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


@dataclass(frozen=True)
class _Compared:
    part: int
    arguments: list[TextArgument]
    numbers: list[str]
    """Whole numbers that depend on the text, and are more than a mask."""
    not_told: list[str]
    """Vectors of which it cannot be told which belong to which prompt."""


def _compared(one: Mapping[str, Any], two: Mapping[str, Any]) -> _Compared:
    """What differs between two calls in which one prompt does."""
    parts: set[int] = set()
    arguments, numbers, not_told = [], [], []
    image = next(iter(one))
    for path, value in leaves(one):
        other = at(two, path)
        if path[0] == image or _is_same(value, other):
            continue
        name = ".".join(map(str, path))
        if not _holds_vectors(value):
            numbers += [name] if _is_numbers(value) else []
            continue
        rows = _changed_rows(value, other)
        if rows is None:
            not_told.append(name)
            continue
        dimension, own = rows
        parts |= {row // TOGETHER for row in own}
        arguments.append(TextArgument(path, dimension, None))
    return _Compared(min(parts, default=0), arguments, numbers, not_told)


def _is_same(value: Any, other: Any) -> bool:
    import torch

    if isinstance(value, torch.Tensor):
        return isinstance(other, torch.Tensor) and (
            value.shape == other.shape and torch.equal(value.nan_to_num(), other.nan_to_num())
            if value.is_floating_point()
            else torch.equal(value, other)
        )
    ours, theirs = _matrices(value), _matrices(other)
    pairs = zip(ours, theirs, strict=False)
    return len(ours) == len(theirs) and all(_is_same(a, b) for a, b in pairs)


def _matrices(value: Any) -> list[Any]:
    if value is None:
        return []
    return [item[0] if isinstance(item, list | tuple) else item for item in value]


def _holds_vectors(value: Any) -> bool:
    """Whether these are vectors; floating numbers of one or two values are a mask."""
    import torch

    if not isinstance(value, torch.Tensor):
        return all(each.is_floating_point() for each in _matrices(value))
    return value.is_floating_point() and value.ndim >= 2 and len(value.unique()) > 2


def _is_numbers(value: Any) -> bool:
    import torch

    return isinstance(value, torch.Tensor) and value.dtype != torch.bool and len(value.unique()) > 2


def _changed_rows(value: Any, other: Any) -> tuple[int | None, list[int]] | None:
    """The dimension of rows, and the rows that differ; None where no dimension can be it."""
    import torch

    if not isinstance(value, torch.Tensor):
        pairs = zip(_matrices(value), _matrices(other), strict=False)
        rows = [index for index, (a, b) in enumerate(pairs) if not _is_same(a, b)]
        return (None, rows) if _are_rows(rows, len(value)) else None
    if other is None or value.shape != other.shape:
        return None
    difference = (value.float() - other.float()).abs().nan_to_num()
    for dimension in range(min(2, value.ndim - 1)):
        by_row = difference.movedim(dimension, 0).flatten(1).amax(dim=1)
        rows = (by_row > NOISE * by_row.max()).nonzero().flatten().tolist()
        if _are_rows(rows, value.shape[dimension]):
            return dimension, rows
    return None


def _are_rows(rows: Sequence[int], count: int) -> bool:
    return count % TOGETHER == 0 and bool(rows) and {row % TOGETHER for row in rows} == {CHANGED}


def _require_told(loaded: LoadedModel, found: _Compared) -> None:
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
    # Layers come before the tokens or behind them. There are mostly more tokens than layers.
    ways = sorted((1, 2), key=lambda dimension: -shape[dimension])
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
