"""What each token of a prompt is to the prompt: its role, by which erasers are fitted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from t2i_audit.activations.text.positions import PromptTokens

WORD, END, PADDING = "word", "end", "padding"
TEMPLATE, POOLED, PLACE = "template", "pooled", "place"


@dataclass(frozen=True, order=True)
class Role:
    """What a token is to its prompt; tokens of one role in all prompts share an eraser."""

    group: str
    """A slot, or ``word`` (of no slot), ``end``, ``padding``, ``template``, ``pooled`` (one vector
    for the prompt), ``place`` (of a sequence in which no words were found)."""
    index: int = 0
    """Of a word its order among the words of no slot, of a token of the template how far it is from
    the prompt, of a place its position. Of padding the octave of its distance from the end: states
    of padding change with that distance, and there may be hundreds of them."""


def token_roles(tokens: PromptTokens, row: Sequence[int], padding: int | None) -> tuple[Role, ...]:
    """The role of each token of an encoder's input.

    Args:
        tokens: where the prompt is in it.
        row: token ids, ``(s,)``.
        padding: the padding token's id.
    """
    of_words = word_roles(tokens)
    first = tokens.content[0] if tokens.content else 0
    roles = []
    for index, token in enumerate(row):
        if index in of_words:
            roles.append(of_words[index])
        elif index == tokens.eos:
            roles.append(Role(END))
        elif token == padding:
            roles.append(Role(PADDING, _octave(index - tokens.eos)))
        else:
            from_prompt = index - first if index < first else index - tokens.last
            roles.append(Role(TEMPLATE, from_prompt))
    return tuple(roles)


def word_roles(tokens: PromptTokens) -> dict[int, Role]:
    """The role of each token of a prompt's text, by its index in the encoder's input."""
    slot_of = {index: slot for slot, own in tokens.slots.items() for index in own}
    others = sorted(set(tokens.content) - slot_of.keys())
    roles = {index: Role(WORD, order) for order, index in enumerate(others)}
    return roles | {index: Role(slot) for index, slot in slot_of.items()}


def padding_id(tokenizer: Any) -> int | None:
    """The id of the tokens that fill a row up."""
    own = tokenizer.pad_token_id
    return own if own is not None else tokenizer.eos_token_id


def _octave(distance: int) -> int:
    """1 for 1, 2 for 2 and 3, 3 for 4 to 7, and so on; negative before the end."""
    return distance.bit_length() if distance > 0 else -((-distance).bit_length())
