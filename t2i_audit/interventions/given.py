"""What a denoiser is given for the prompts of one batch, and what each vector of it is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from t2i_audit.activations.denoiser.inputs import find_states
from t2i_audit.activations.denoiser.layout import for_prompt
from t2i_audit.activations.denoiser.prompt_states import PromptStates, reading_prompt_states
from t2i_audit.errors import ModelError
from t2i_audit.generation.batches import Batch
from t2i_audit.interventions.arguments import TextArgument, at
from t2i_audit.interventions.calls import AllReadError, call_pipeline, watching
from t2i_audit.interventions.locating import TextInput, joined
from t2i_audit.interventions.roles import PLACE, POOLED, Role, padding_id, token_roles

if TYPE_CHECKING:
    import torch

    from t2i_audit.generation.sampling import Sampling
    from t2i_audit.models.loaded import LoadedModel


@dataclass(frozen=True)
class Origin:
    """What a vector of the denoiser's input was computed from."""

    encoder: str
    """Empty for what is no token of an encoder."""
    role: Role
    index: int = 0
    """Of the token in the encoder's input."""


Vectors = dict[TextArgument, tuple["torch.Tensor", ...]]
"""By argument, for each prompt of a batch its sequence ``(s, d)``."""


@dataclass(frozen=True, eq=False)
class Given:
    """What the denoiser is given for the ``b`` prompts of a batch."""

    parts: Mapping[TextArgument, Any]
    """The rows of the prompts in each argument, as they are."""
    vectors: Vectors
    origins: Mapping[TextArgument, tuple[tuple[Origin | None, ...], ...]]
    """``b`` times ``s``; None of what is no part of an encoder's input."""
    states: Mapping[str, PromptStates]
    """What the encoders computed, by encoder."""

    def is_held(self, row: int) -> bool:
        """Whether some encoder gets every constituent of a prompt, in vectors that are finite."""
        got = any(each.tokens[row].located for each in self.states.values())
        return got and all(bool(own[row].isfinite().all()) for own in self.vectors.values())


def read_given(loaded: LoadedModel, batch: Batch, sampling: Sampling, text: TextInput) -> Given:
    """What the denoiser is given for `batch`, by a call of the pipeline that ends there.

    Raises:
        ModelError: see `given_in`; or the pipeline fails.
    """
    with encoders_read(loaded, batch, text) as states:
        arguments = _arguments_of_call(loaded, batch, sampling, text)
        return given_in(loaded, arguments, batch, text, states)


def read_vectors(loaded: LoadedModel, batch: Batch, sampling: Sampling, text: TextInput) -> Vectors:
    """As `read_given`, whatever texts the encoders see."""
    arguments = _arguments_of_call(loaded, batch, sampling, text)
    return _vectors(_parts(loaded, arguments, len(batch.items), text))


def _arguments_of_call(
    loaded: LoadedModel, batch: Batch, sampling: Sampling, text: TextInput
) -> dict[str, Any]:
    """The arguments of the denoiser's first call that holds the prompts; ends the call there."""
    calls: list[dict[str, Any]] = []

    def keep(arguments: dict[str, Any]) -> None:
        calls.append(arguments)
        if len(calls) > text.call:
            raise AllReadError

    with watching(loaded, keep):
        call_pipeline(loaded, batch, sampling)
    if len(calls) <= text.call:
        raise never_given(loaded)
    return calls[-1]


@contextmanager
def encoders_read(
    loaded: LoadedModel, batch: Batch, text: TextInput
) -> Iterator[dict[str, PromptStates]]:
    """What the encoders compute for `batch` while the block runs, as far as it is looked for."""
    prompts = [item.prompt for item in batch.items]
    encoders, rows = loaded.adapter.text_encoders, range(len(prompts))
    with reading_prompt_states(
        encoders, prompts, rows, len(prompts), text.located, text.layers
    ) as states:
        yield states


def given_in(
    loaded: LoadedModel,
    arguments: Mapping[str, Any],
    batch: Batch,
    text: TextInput,
    states: Mapping[str, PromptStates],
) -> Given:
    """What the prompts of `batch` are given in a call of the denoiser with `arguments`.

    Raises:
        ModelError: it is not laid out as it was when it was found.
    """
    size = len(batch.items)
    parts = _parts(loaded, arguments, size, text)
    vectors = _vectors(parts)
    shifts = _shifts(loaded, text, vectors, states, size)
    paddings = {each.name: padding_id(each.tokenizer) for each in loaded.adapter.text_encoders}
    of_rows = {
        name: [
            token_roles(tokens, row, paddings[name])
            for tokens, row in zip(own.tokens, own.rows, strict=True)
        ]
        for name, own in states.items()
    }
    origins: dict[TextArgument, tuple[tuple[Origin | None, ...], ...]] = {}
    for argument, own in vectors.items():
        encoders = [each.encoder for each in text.words if each.argument == argument]
        origins[argument] = tuple(
            _origins(
                argument,
                len(sequence),
                bool(encoders),
                [
                    (name, of_rows[name][row], for_prompt(shifts[name], row))
                    for name in encoders
                    if name in states
                ],
            )
            for row, sequence in enumerate(own)
        )
    return Given(parts, vectors, origins, states)


def never_given(loaded: LoadedModel) -> ModelError:
    """The error that the denoiser was not called as it was when its text was found."""
    return ModelError(
        f"The denoiser of {loaded.adapter.class_name} was not given the prompts as it was when "
        "they were looked for, so nothing could be changed."
    )


def _parts(
    loaded: LoadedModel, arguments: Mapping[str, Any], size: int, text: TextInput
) -> dict[TextArgument, Any]:
    """The rows of the prompts in each text argument."""
    parts = {}
    for argument in text.arguments:
        value = at(arguments, argument.path)
        count = 0 if value is None else argument.count(value)
        if count % size or count <= text.part * size:
            raise ModelError(
                f"What the denoiser of {loaded.adapter.class_name} is given as {argument.name} is "
                f"not laid out for {size} prompts as it was for two, so it cannot be replaced."
            )
        parts[argument] = argument.part(value, text.part, size)
    return parts


def _vectors(parts: Mapping[TextArgument, Any]) -> Vectors:
    return {argument: argument.vectors(part) for argument, part in parts.items()}


def _shifts(
    loaded: LoadedModel,
    text: TextInput,
    vectors: Mapping[TextArgument, tuple[torch.Tensor, ...]],
    states: Mapping[str, PromptStates],
    size: int,
) -> dict[str, tuple[int, ...]]:
    """Encoder -> position in its arguments minus position in its input, one number or ``b``."""
    shifts: dict[str, tuple[int, ...]] = {}
    for each in text.words:
        # An encoder that was given none of these prompts holds nothing of them.
        if each.encoder in shifts or each.encoder not in states:
            continue
        known = {each.encoder: states[each.encoder]}
        found, _ = find_states({"": joined(vectors[each.argument])}, known, range(size))
        place = found.get(each.encoder)
        if place is not None:
            shifts[each.encoder] = place.shift
        elif each.shift is not None:
            shifts[each.encoder] = (each.shift,)
        else:
            raise ModelError(
                f"The words of {size} prompts as {each.encoder} of {loaded.adapter.class_name} "
                f"computes them are not found in {each.argument.name}, where they were found "
                "before, so they cannot be replaced."
            )
    return shifts


def _origins(
    argument: TextArgument,
    length: int,
    has_words: bool,
    held: list[tuple[str, tuple[Role, ...], int]],
) -> tuple[Origin | None, ...]:
    """Of each of the `length` vectors of a sequence that holds tokens of the encoders `held`."""
    if not argument.is_sequence:
        return (Origin("", Role(POOLED)),)
    if not has_words:
        return tuple(Origin("", Role(PLACE, index)) for index in range(length))
    origins: list[Origin | None] = [None] * length
    for encoder, roles, shift in held:
        for index, role in enumerate(roles):
            if 0 <= index + shift < length and origins[index + shift] is None:
                origins[index + shift] = Origin(encoder, role, index)
    return tuple(origins)
