"""What the text encoders compute for a batch's prompts while a pipeline runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from t2i_audit.activations.denoiser.search import Spans
from t2i_audit.activations.text.hooks import EMBEDDINGS, watch
from t2i_audit.activations.text.matching import ENDING
from t2i_audit.activations.text.positions import PromptTokens, locate_all
from t2i_audit.errors import ModelError
from t2i_audit.pipelines.text_encoders import TextEncoder

if TYPE_CHECKING:
    import torch

    from prompts.structure import Prompt

SPAN = 16  # tokens of a prompt that are kept, spread over it

Located = Mapping[str, frozenset[str]]
"""Prompt id -> the text encoders that get all constituents of that prompt."""


@dataclass(eq=False)
class PromptStates:
    """What one encoder computed for the recorded prompts."""

    tokens: tuple[PromptTokens, ...]
    """``r``: where each prompt is in the encoder's input."""
    spans: dict[str, Spans] = field(default_factory=dict)
    """Layer -> states at some tokens of each prompt, the last among them."""
    rows: tuple[tuple[int, ...], ...] = ()
    """``r``: the token ids of that input, ``(s,)``."""


@contextmanager
def reading_prompt_states(
    encoders: Sequence[TextEncoder],
    prompts: Sequence[Prompt],
    rows: Sequence[int],
    batch: int,
    located: Located | None = None,
    layers: Mapping[str, str] | None = None,
) -> Iterator[dict[str, PromptStates]]:
    """Keep, while the block runs, where each encoder finds `prompts` and what it computes there.

    Calls for other texts, such as the negative prompt, are passed over. Of a prompt of which an
    encoder does not get every constituent only the place is kept.

    Args:
        encoders: from `text_encoders`.
        prompts: ``r`` of a batch.
        rows: their rows in it, ``r``.
        batch: prompts in the batch.
        located: of `prompts`; found out from the calls themselves if None.
        layers: encoder -> the one layer whose states are needed, none of an encoder that is not
            here; all layers of all encoders if None.

    Raises:
        ModelError: text encoders ran, but none was given the prompts.
    """
    states: dict[str, PromptStates] = {}
    readers = []
    for encoder in encoders:
        layer = None if layers is None else layers.get(encoder.name, "")
        readers.append(_Reader(encoder, prompts, rows, batch, states, located, layer))
    with ExitStack() as stack:
        for reader in readers:
            for handle in reader.attach():
                stack.callback(handle.remove)
        yield states
    if not any(reader.given for reader in readers) and any(reader.ran for reader in readers):
        raise ModelError(
            "While images were made no text encoder was given the text of the prompts: the "
            "pipeline makes images of something else, which cannot be judged by the prompts."
        )


class _Reader:
    """Reads the calls of one encoder for those that hold the prompts.

    A call may hold the prompts of a batch and more, as a guided one does, or only some of them;
    then the next calls hold the others.
    """

    def __init__(
        self,
        encoder: TextEncoder,
        prompts: Sequence[Prompt],
        rows: Sequence[int],
        batch: int,
        states: dict[str, PromptStates],
        located: Located | None,
        layer: str | None,
    ) -> None:
        self._encoder = encoder
        self._prompts = dict(zip(rows, prompts, strict=True))
        self._batch = batch
        self._states = states
        self._layer = layer
        self._located = located
        self.ran = self.given = False
        """Whether the encoder ran at all, and for all prompts, if only for their beginnings."""
        self._done = 0  # rows of the batch that earlier calls held
        self._found: list[PromptTokens] = []
        self._ids: list[tuple[int, ...]] = []
        self._kept: dict[str, list[torch.Tensor]] = {}
        self._lines: list[int] = []  # of the running call, those that hold prompts

    def attach(self) -> Iterator[Any]:
        yield from watch(self._encoder, self._read_ids, self._keep_states)

    def _read_ids(self, ids: torch.Tensor) -> None:
        self._lines = []
        if len(ids) >= self._batch:
            self._done = 0
        for start in range(0, len(ids), self._batch):
            if not self._prompts or self._encoder.name in self._states:
                return
            self.ran = True
            begun = self._done > 0
            if not self._read_part(ids, start):
                self._done = 0
                if begun:  # what earlier calls held was the end of something else
                    self._read_part(ids, start)

    def _read_part(self, ids: torch.Tensor, start: int) -> bool:
        """Read the batch, or the next part of it, that begins at row `start` of a call's `ids`.

        Returns:
            Whether it holds the prompts.
        """
        if not self._done:
            self._found, self._ids, self._kept = [], [], {}
        count = min(len(ids) - start, self._batch)
        if self._done + count > self._batch:
            return False
        own = [row for row in self._prompts if self._done <= row < self._done + count]
        lines = [start + row - self._done for row in own]
        prompts = [self._prompts[row] for row in own]
        found = self._locate(prompts, ids[lines].tolist())
        if found is None:
            return False
        self._found += found
        self._ids += [tuple(row) for row in ids[lines].tolist()]
        self._lines = lines
        self._done += count
        if self._done == self._batch:
            self._done = 0
            self.given = True
            self._states[self._encoder.name] = PromptStates(
                tuple(self._found), rows=tuple(self._ids)
            )
        return True

    def _locate(
        self, prompts: Sequence[Prompt], rows: Sequence[Sequence[int]]
    ) -> list[PromptTokens] | None:
        """Where `prompts` are in `rows`; None if these are of other texts."""
        name = self._encoder.name
        read = [self._located is None or name in self._located[each.id] for each in prompts]
        cut = None if self._located is None else [not each for each in read]
        found = locate_all(self._encoder.tokenizer, prompts, rows, cut=cut)
        there = [_is_there(own, row) for own, row in zip(found, rows, strict=True)]
        # What an encoder does not get of some prompts it need not hold here either.
        missing = any(is_read and not own for is_read, own in zip(read, there, strict=True))
        if missing or (found and not any(there)):
            return None
        return [
            own if is_read and own.located else own.unread()
            for own, is_read in zip(found, read, strict=True)
        ]

    def _keep_states(self, layer: str, states: torch.Tensor) -> None:
        import torch

        if not self._lines or layer == EMBEDDINGS or self._layer not in (None, layer):
            return
        tokens = self._found[-len(self._lines) :]
        positions = torch.tensor([span_of(own) for own in tokens], device=states.device)
        lines = torch.tensor(self._lines, device=states.device)
        kept = self._kept.setdefault(layer, [])
        kept.append(states[lines[:, None], positions].float())
        known = self._states.get(self._encoder.name)
        # A call's ids come before its states, so that they are complete with the last call.
        if known is not None and sum(map(len, kept)) == len(known.tokens):
            every = torch.tensor([span_of(own) for own in known.tokens])
            known.spans[layer] = Spans(torch.cat(kept), every)


def span_of(tokens: PromptTokens) -> tuple[int, ...]:
    """`SPAN` of a prompt's tokens, spread evenly over it from the first to the last.

    Of a shorter prompt some come more than once.
    """
    every = tokens.content or (tokens.eos,)
    return tuple(every[round(i * (len(every) - 1) / (SPAN - 1))] for i in range(SPAN))


def _is_there(tokens: PromptTokens, row: Sequence[int]) -> bool:
    """Whether a prompt is in its row; a text that only begins as the prompt is another."""
    if tokens.reading == "cut_off":
        return bool(tokens.content) and tokens.last + ENDING >= len(row) - 1
    return tokens.reading != "not_found"
