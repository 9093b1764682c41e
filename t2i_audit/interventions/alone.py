"""Every word of a prompt encoded by itself, and put at its place.

A word is encoded at its own place in the prompt, with every other word replaced by the padding
token: by the pipeline's own call, in which the embedding tables look other ids up. What precedes
and follows the prompt, its end and the vectors for all of it, are encoded with no word at all.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

from prompts.structure import Prompt
from t2i_audit.activations.denoiser.prompt_states import PromptStates
from t2i_audit.activations.text.positions import PromptTokens
from t2i_audit.activations.text.tokenizing import tokenize
from t2i_audit.generation.batches import Batch
from t2i_audit.interventions.arguments import TextArgument
from t2i_audit.interventions.given import Given, read_given, read_vectors
from t2i_audit.interventions.roles import padding_id

if TYPE_CHECKING:
    import torch
    from torch import nn

    from t2i_audit.generation.sampling import Sampling
    from t2i_audit.interventions.locating import TextInput
    from t2i_audit.interventions.replacing import Change
    from t2i_audit.models.loaded import LoadedModel
    from t2i_audit.pipelines.text_encoders import TextEncoder

WORD = re.compile(r"\S+")
NO_WORD = -1
Words = dict[int, int]
"""Index in an encoder's input -> number of the word in its prompt."""
Ids = tuple[int, ...]


def context_refusal(loaded: LoadedModel, text: TextInput) -> str | None:
    """Why words cannot be encoded by themselves, in a sentence; None if they can."""
    held = {each.argument for each in text.words}
    sequences = {each for each in text.arguments if each.is_sequence}
    if sequences and sequences <= held:
        return None
    where = " and ".join(each.name for each in text.arguments if each not in held)
    return (
        f"Words cannot be encoded by themselves: the denoiser of {loaded.adapter.class_name} is "
        f"given them as {where}, in which they have no places of their own"
    )


def words_alone(
    loaded: LoadedModel,
    batch: Batch,
    sampling: Sampling,
    text: TextInput,
    rows: Sequence[int],
) -> Change:
    """The change that gives the denoiser the words of `rows` of `batch`, each encoded by itself.

    It takes one encoding of the batch for each word of its longest prompt, and two more.

    Raises:
        ModelError: the texts cannot be read.
    """
    plain = read_given(loaded, batch, sampling, text)
    prompts = [item.prompt for item in batch.items]
    words = {
        encoder.name: _words_of_all(encoder, prompts, plain.states[encoder.name])
        for encoder in loaded.adapter.text_encoders
        if encoder.name in plain.states
    }
    every = (word for own in words.values() for each in own for word in each.values())
    last = max(every, default=NO_WORD)
    assembled: dict[TextArgument, dict[int, torch.Tensor]] = {}
    for word in range(NO_WORD, last + 1):
        with _only(loaded, plain.states, words, word):
            read = read_vectors(loaded, batch, sampling, text)
        for argument, sequences in read.items():
            if word == NO_WORD:
                assembled[argument] = {row: sequences[row].clone() for row in rows}
                continue
            for row in rows:
                places = [
                    place
                    for place, origin in enumerate(plain.origins[argument][row])
                    if origin is not None
                    and origin.encoder
                    and words[origin.encoder][row].get(origin.index) == word
                ]
                assembled[argument][row][places] = sequences[row][places]

    def change(given: Given) -> dict[TextArgument, list[torch.Tensor]]:
        return {
            argument: [assembled[argument].get(row, own) for row, own in enumerate(sequences)]
            for argument, sequences in given.vectors.items()
        }

    return change


def _words_of_all(
    encoder: TextEncoder, prompts: Sequence[Prompt], states: PromptStates
) -> list[Words]:
    tokens = tokenize(encoder.tokenizer, [prompt.text for prompt in prompts])
    return [
        words_of(prompt, own, each.offsets)
        for prompt, own, each in zip(prompts, states.tokens, tokens, strict=True)
    ]


def words_of(prompt: Prompt, tokens: PromptTokens, offsets: Sequence[tuple[int, int]]) -> Words:
    """Which word each token of `prompt` is of. The words of a constituent count as one.

    Args:
        prompt: with its constituents.
        tokens: where they are in the encoder's input.
        offsets: first and last character of each token of the text. If the encoder gets another
            text, what lies between two constituents counts as one word.
    """
    parts = sorted((part.start, part.end) for part in prompt.constituents)
    others = [
        (start, end)
        for start, end in (match.span() for match in WORD.finditer(prompt.text))
        if not any(start < b and end > a for a, b in parts)
    ]
    spans = sorted([*parts, *others])
    if len(offsets) == len(tokens.content):
        return {
            index: next((n for n, (a, b) in enumerate(spans) if start < b and end > a), NO_WORD)
            for index, (start, end) in zip(tokens.content, offsets, strict=True)
        }
    slot_of = {index: slot for slot, own in tokens.slots.items() for index in own}
    found: Words = {}
    number, before = NO_WORD, object()
    for index in tokens.content:
        slot = slot_of.get(index)
        number += slot != before
        found[index], before = number, slot
    return found


@contextmanager
def _only(
    loaded: LoadedModel,
    states: Mapping[str, PromptStates],
    words: Mapping[str, Sequence[Words]],
    word: int,
) -> Iterator[None]:
    """While the block runs, have the encoders see one `word` of each prompt, at its place."""
    with ExitStack() as stack:
        for encoder in loaded.adapter.text_encoders:
            if encoder.name not in words:
                continue
            filler = padding_id(encoder.tokenizer)
            seen: dict[Ids, Ids] = {}
            for row, own in zip(states[encoder.name].rows, words[encoder.name], strict=True):
                hidden = {index for index, number in own.items() if number != word}
                seen[row] = tuple(
                    token if index not in hidden or filler is None else filler
                    for index, token in enumerate(row)
                )
            for table in encoder.tables:
                hook = _look_up_instead(seen)
                stack.callback(table.register_forward_pre_hook(hook, with_kwargs=True).remove)
        yield


def _look_up_instead(instead: Mapping[Ids, Ids]) -> Any:
    """A hook that has an embedding table look up other ids for whole rows."""

    def hook(
        _: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        ids = args[0] if args else kwargs["input"]
        rows = [tuple(row) for row in ids.reshape(-1, ids.shape[-1]).tolist()]
        new = ids.new_tensor([instead.get(row, row) for row in rows]).reshape(ids.shape)
        return ((new, *args[1:]), kwargs) if args else (args, {**kwargs, "input": new})

    return hook
