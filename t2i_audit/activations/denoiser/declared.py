"""Places that the table of families declares, each checked by value in a trace."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

from t2i_audit.activations.denoiser.inputs import (
    image_sizes,
    runs_of_channels,
    sequences_in,
    take_layers,
)
from t2i_audit.activations.denoiser.layout import (
    CallPlaces,
    ImagePlace,
    StatesPlace,
    TokensPlace,
)
from t2i_audit.activations.denoiser.prompt_states import PromptStates
from t2i_audit.activations.denoiser.search import (
    TOLERANCE,
    channel_scales,
    distance_at,
    distances,
)
from t2i_audit.activations.denoiser.trace import DenoiserTrace, TracedCall, TracedSequence
from t2i_audit.errors import ModelError
from t2i_audit.pipelines.families import BlockFacts, FamilyFacts, TextFacts, block_facts

if TYPE_CHECKING:
    import torch

REMEDY = (
    "correct that row or remove it, so that the place is searched for, or give "
    "--no-denoiser-station"
)


def declared_places(
    trace: DenoiserTrace,
    call: TracedCall,
    part: int,
    states: Mapping[str, PromptStates],
    facts: FamilyFacts,
) -> CallPlaces | None:
    """Where everything is in `call` according to `facts`, checked by value.

    Returns:
        None where the facts do not cover the denoiser: none of their encoders ran, or diffusers
        declares nothing of its blocks.

    Raises:
        ModelError: a declared place does not hold.
    """
    rows = [part * trace.batch + row for row in trace.prompts]
    names = [name for name in facts.text if states.get(name) is not None and states[name].spans]
    kinds = {path: block_facts(kind) for path, kind in trace.kinds.items()}
    if not names or any(each is None for each in kinds.values()):
        return None
    found = declared_states(call, rows, states, facts)
    if found is None:
        text = {f"{each.argument} (shifted by {each.shift} tokens)" for each in facts.text.values()}
        raise wrong_row(
            trace, facts, f"the text encoders' states are in {' and '.join(sorted(text))}"
        )
    parts = call.batch // trace.batch
    if not kinds:
        image = {
            block: ImagePlace(output, size)
            for block, (output, size) in call.maps.items()
            if block in trace.blocks
        }
        return CallPlaces(part, parts, found, image, {}, {})
    blocks = _Blocks(trace, call, rows, found, facts, {k: v for k, v in kinds.items() if v})
    blocks.check()
    return CallPlaces(part, parts, found, blocks.image(), blocks.text(), blocks.keys())


def declared_states(
    call: TracedCall,
    rows: Sequence[int],
    states: Mapping[str, PromptStates],
    facts: FamilyFacts,
) -> dict[str, StatesPlace] | None:
    """The places of all encoders' states in `rows` of `call`; None where one does not hold."""
    sequences = sequences_in(call.arguments)
    found: dict[str, StatesPlace] = {}
    for name, declared in facts.text.items():
        if name not in states or not states[name].spans:
            continue
        each = sequences.get(declared.argument)
        held = None if each is None else take_layers(each, rows)
        place = None if held is None else _place(declared, held, states[name])
        if place is None:
            return None
        found[name] = place
    return found or None


def _place(declared: TextFacts, held: torch.Tensor, known: PromptStates) -> StatesPlace | None:
    shifts = [declared.shift] * len(held)
    best: StatesPlace | None = None
    farthest = TOLERANCE
    for layer, spans in known.spans.items():
        for channels in runs_of_channels(spans.vectors.shape[-1], held.shape[-1]):
            distance = distance_at(spans, held[..., channels], shifts)
            # Of the layers that are near, which may be several, the nearest.
            if distance <= farthest and (best is None or distance < farthest):
                farthest = distance
                best = StatesPlace(
                    declared.argument, held.shape[1], (declared.shift,), layer, channels
                )
    return best


def wrong_row(trace: DenoiserTrace, facts: FamilyFacts, claim: str) -> ModelError:
    return ModelError(
        f"the row of {trace.denoiser} ({facts.families}) in t2i_audit/pipelines/families.py says "
        f"that {claim}, which does not hold in {trace.pipeline}; {REMEDY}"
    )


class _Blocks:
    """The blocks of a transformer as diffusers and the row of its family declare them."""

    def __init__(
        self,
        trace: DenoiserTrace,
        call: TracedCall,
        rows: Sequence[int],
        found: Mapping[str, StatesPlace],
        facts: FamilyFacts,
        kinds: Mapping[str, BlockFacts],
    ) -> None:
        self._trace, self._facts, self._kinds, self._found = trace, facts, kinds, found
        self._rows = [call.rows.index(row) for row in rows]
        own = [event for event in call.events if event.path in kinds]
        self._given = {e.path: e.sequences for e in own if e.kind == "begin"}
        self._returned = {e.path: e.sequences for e in own if e.kind == "end"}
        self._text_length = next(iter(found.values())).length
        _, sizes = image_sizes(call.sample, trace.size)
        counts = [
            self._length(self._given[path].get(kinds[path].image_argument))
            for path in self._given
            if not self._joined(path)
        ]
        self._count = counts[0] if counts else 0
        self._size = sizes.get(self._count)

    def check(self) -> None:
        """Check that what each block returns as image and text is given to the next as such.

        Raises:
            ModelError: it is not.
        """
        paths = list(self._given)
        for path, following in pairwise(paths):
            mine, next_one = self._kinds[path], self._kinds[following]
            returned, given = self._returned[path], self._given[following]
            handed_on = [
                ("image", mine.image_output, next_one.image_argument, True),
                ("text", mine.text_output, next_one.text_argument, False),
            ]
            for what, output, argument, is_image in handed_on:
                joined, next_joined = self._joined(path), self._joined(following)
                if joined:
                    output = mine.image_output
                if next_joined:
                    argument = next_one.image_argument
                # A block of cross-attention returns no text; the next is given the same again.
                if output is None or (not joined and not is_image and mine.text_output is None):
                    continue
                one = self._tokens(returned.get(str(output)), is_image, joined)
                two = self._tokens(given.get(argument), is_image, next_joined)
                if one is None or two is None or not _same(one, two):
                    raise wrong_row(
                        self._trace, self._facts, f"output {output} of {path} holds the {what}"
                    )

    def image(self) -> dict[str, ImagePlace]:
        places = {}
        for block in self._trace.blocks if self._size is not None else ():
            output = str(self._kinds[block].image_output)
            length = self._length(self._returned[block].get(output))
            first = self._text_length if self._joined(block) else 0
            assert self._size is not None
            if length != first + self._count:
                raise wrong_row(
                    self._trace, self._facts, f"output {output} of {block} holds the image"
                )
            places[block] = ImagePlace(output, self._size, (first,), length)
        return places

    def text(self) -> dict[str, dict[str, TokensPlace]]:
        places = {}
        for block in self._trace.blocks:
            kind, joined = self._kinds[block], self._joined(block)
            output = kind.image_output if joined else kind.text_output
            length = self._length(self._returned[block].get(str(output)))
            # The last block of some returns no text, because nothing needs it any more.
            if output is not None and length:
                places[block] = self._places(str(output), length)
        return places

    def keys(self) -> dict[str, dict[str, TokensPlace]]:
        places = {}
        for block in self._trace.blocks:
            kind = self._kinds[block]
            argument = kind.image_argument if self._joined(block) else kind.text_argument
            length = self._length(self._given[block].get(argument))
            if length:
                places[block] = self._places(argument, length)
        return places

    def _places(self, sequence: str, length: int) -> dict[str, TokensPlace]:
        return {
            name: TokensPlace(sequence, length, each.shift) for name, each in self._found.items()
        }

    def _joined(self, path: str) -> bool:
        return path.rpartition(".")[0] in self._facts.joined

    def _length(self, sequence: TracedSequence | None) -> int:
        held = None if sequence is None else sequence.by_row
        return 0 if held is None else int(held.shape[1])

    def _tokens(
        self, sequence: TracedSequence | None, is_image: bool, joined: bool
    ) -> torch.Tensor | None:
        held = None if sequence is None else sequence.by_row
        if held is None:
            return None
        if joined:
            cut = slice(self._text_length, None) if is_image else slice(self._text_length)
            held = held[:, cut]
        expected = self._count if is_image else self._text_length
        return held[self._rows] if held.shape[1] == expected else None


def _same(one: torch.Tensor, two: torch.Tensor) -> bool:
    """Whether two sequences ``(r, s, k)`` hold the same tokens."""
    import torch

    if one.shape != two.shape:
        return False
    finite = one.isfinite().all(dim=2)
    if not bool(finite.any()):
        return True
    vectors = one[finite].float()
    difference = distances(vectors, two[finite].to(vectors), channel_scales(vectors))
    return bool(torch.all(difference <= TOLERANCE))
