"""What the text encoders make of a batch's prompts while a pipeline runs, and where."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from t2i_audit.activations.text.hooks import EMBEDDINGS, watch
from t2i_audit.activations.text.matching import ENDING
from t2i_audit.activations.text.positions import PromptTokens, locate_all
from t2i_audit.errors import ModelError
from t2i_audit.pipelines.text_encoders import TextEncoder

if TYPE_CHECKING:
    import torch

    from prompts.structure import Prompt

Located = Mapping[str, frozenset[str]]
"""Id of each prompt that is read -> the text encoders that get all its constituents."""


@dataclass(eq=False)
class Words:
    """What one encoder made of the recorded prompts."""

    tokens: tuple[PromptTokens, ...]
    """``r``."""
    last: dict[str, torch.Tensor] = field(default_factory=dict)
    """Layer -> ``(r, d)``, the state at each prompt's last token."""


@contextmanager
def reading_words(
    encoders: Sequence[TextEncoder],
    prompts: Sequence[Prompt],
    rows: Sequence[int],
    batch: int,
    located: Located | None = None,
) -> Iterator[dict[str, Words]]:
    """Keep, while the block runs, where each encoder finds `prompts` and its states at their ends.

    Calls for other texts, as the negative prompt, leave no trace. Of a prompt of which an encoder
    does not get every constituent only the end is kept.

    Args:
        encoders: from `text_encoders`.
        prompts: ``r`` of a batch.
        rows: their rows in it, ``r``.
        batch: prompts in the batch.
        located: of `prompts`; found out from the calls themselves if None.

    Raises:
        ModelError: text encoders ran, but none was given the prompts.
    """
    words: dict[str, Words] = {}
    readers = [_Reader(encoder, prompts, rows, batch, words, located) for encoder in encoders]
    with ExitStack() as stack:
        for reader in readers:
            for handle in reader.attach():
                stack.callback(handle.remove)
        yield words
    if not any(reader.given for reader in readers) and any(reader.ran for reader in readers):
        raise ModelError(
            "While pictures were made no text encoder was given the text of the prompts: the "
            "pipeline makes pictures of something else, which cannot be judged by the prompts."
        )


class _Reader:
    """Reads the calls of one encoder for those that hold the prompts.

    A call may hold the prompts of a batch, more than those, as a guided one does, or some: then the
    next calls hold the others.
    """

    def __init__(
        self,
        encoder: TextEncoder,
        prompts: Sequence[Prompt],
        rows: Sequence[int],
        batch: int,
        words: dict[str, Words],
        located: Located | None,
    ) -> None:
        self._encoder = encoder
        self._prompts = dict(zip(rows, prompts, strict=True))
        self._batch = batch
        self._words = words
        self._located = located
        self.ran = self.given = False
        """Whether the encoder ran at all, and for all prompts, if only for their beginnings."""
        self._done = 0  # rows of the batch that earlier calls held
        self._found: list[PromptTokens] = []
        self._last: dict[str, torch.Tensor] = {}
        self._lines: list[int] = []  # of the running call, those that hold prompts

    def attach(self) -> Iterator[Any]:
        yield from watch(self._encoder, self._read_ids, self._keep_last)

    def _read_ids(self, ids: torch.Tensor) -> None:
        self._lines = []
        if len(ids) >= self._batch:
            self._done = 0
        for start in range(0, len(ids), self._batch):
            if not self._prompts or self._encoder.name in self._words:
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
            self._found, self._last = [], {}
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
        self._lines = lines
        self._done += count
        if self._done == self._batch:
            self._done = 0
            self.given = True
            self._words[self._encoder.name] = Words(tuple(self._found), self._last)
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

    def _keep_last(self, layer: str, states: torch.Tensor) -> None:
        import torch

        if not self._lines or layer == EMBEDDINGS:
            return
        tokens = self._found[-len(self._lines) :]
        last = states[self._lines, [each.last for each in tokens]]
        before = self._last.get(layer)
        self._last[layer] = last if before is None else torch.cat([before, last])


def _is_there(tokens: PromptTokens, row: Sequence[int]) -> bool:
    """Whether a prompt is in its row; a text that only begins as the prompt is another."""
    if tokens.reading == "cut_off":
        return bool(tokens.content) and tokens.last + ENDING >= len(row) - 1
    return tokens.reading != "not_found"
