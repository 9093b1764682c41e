"""The layout of a denoiser, decided from a trace of it: declared facts first, search second."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from t2i_audit.activations.denoiser.conditional import (
    Holder,
    conditional_by_comparison,
    find_conditional,
)
from t2i_audit.activations.denoiser.declared import declared_places
from t2i_audit.activations.denoiser.following import (
    IMAGE,
    FixedPositions,
    Position,
    follow,
    mark_of,
)
from t2i_audit.activations.denoiser.inputs import (
    image_behind_text,
    image_sizes,
    is_list,
    packed_sizes,
    sequences_in,
    take_layers,
)
from t2i_audit.activations.denoiser.layout import (
    CallPlaces,
    Conditional,
    DenoiserLayout,
    ImagePlace,
    LocatedBy,
    StatesPlace,
    TokensPlace,
    for_prompt,
)
from t2i_audit.activations.denoiser.prompt_states import PromptStates
from t2i_audit.activations.denoiser.trace import DenoiserTrace, TracedCall
from t2i_audit.pipelines.families import FAMILIES, block_facts


def find_layout(
    trace: DenoiserTrace,
    states: Mapping[str, PromptStates],
    other: DenoiserTrace | None = None,
) -> DenoiserLayout:
    """Where the denoiser of `trace` holds the image and the tokens of each prompt.

    Args:
        trace: of one sampling step.
        states: what each text encoder computed for the traced prompts.
        other: the trace of a step with the same noise and other prompts. It tells the conditional
            part of a denoiser that is not given the encoders' states.

    Raises:
        ModelError: what is declared of the denoiser's family does not hold.
    """
    holder = find_conditional(trace, states)
    if holder is None:
        placed = conditional_by_comparison(trace, other)
        if placed is None:
            return _not_told(trace)
        holder = Holder(*placed, {}, ())
    call = trace.calls[holder.call]
    places, located_by = places_in_call(trace, call, holder, states)
    declared = located_by == "declared"
    lone = places.parts == 1 and len(trace.calls) == 1
    return DenoiserLayout(
        component=trace.component,
        blocks=trace.blocks,
        conditional="all" if lone else _label(places.part, places.parts),
        located_by=located_by,
        places=places,
        fixed=declared or _is_fixed(call, places, states),
        call=holder.call,
        not_located=tuple(_not_located(trace, places, states, holder.several, declared)),
    )


def places_in_call(
    trace: DenoiserTrace,
    call: TracedCall,
    holder: Holder,
    states: Mapping[str, PromptStates],
) -> tuple[CallPlaces, LocatedBy]:
    """Where everything is in a `call` that was traced with its modules.

    Raises:
        ModelError: what is declared of the denoiser's family does not hold.
    """
    facts = FAMILIES.get(trace.denoiser)
    if facts is not None and holder.found:
        declared = declared_places(trace, call, holder.part, states, facts)
        if declared is not None:
            return declared, "declared"
    return _find_places(trace, call, holder.part, holder.found, states), "search"


def _find_places(
    trace: DenoiserTrace,
    call: TracedCall,
    part: int,
    found: Mapping[str, StatesPlace],
    states: Mapping[str, PromptStates],
) -> CallPlaces:
    """Where everything is in `call`, found by following the states from where they were `found`.

    Args:
        trace: what is known of the denoiser.
        call: traced with its modules.
        part: of its batch that holds the prompts.
        found: the encoders' states among its arguments.
        states: of the prompts.
    """
    rows = [part * trace.batch + row for row in trace.prompts]
    sequences = sequences_in(call.arguments)
    _, sizes = image_sizes(call.sample, trace.size)
    marks = {}
    ends: list[int] = []
    for encoder, place in found.items():
        held = take_layers(sequences[place.argument], rows)
        assert held is not None
        shifts = [for_prompt(place.shift, index) for index in range(len(rows))]
        spans = next(iter(states[encoder].spans.values())).at(held, shifts)
        marks[encoder] = mark_of(spans.vectors, spans.positions)
        tokens = states[encoder].tokens
        ends += [each.last + shift for each, shift in zip(tokens, shifts, strict=True)]
    lengths = [place.length for place in found.values()]
    packed = image_behind_text(call.sample, rows, ends, lengths)
    fixed = None
    if packed is not None:
        first, count = packed
        sizes = packed_sizes(count, trace.size)
        held = take_layers(call.sample, rows)
        assert held is not None
        shifts_of = {name: _every(place.shift, len(rows)) for name, place in found.items()}
        fixed = FixedPositions(
            call.sample.shape[1], count, {**shifts_of, IMAGE: (first,) * len(rows)}
        )
        marks[IMAGE] = _image_mark(held, first, count)
    outputs_of = {path: _declared_outputs(kind) for path, kind in trace.kinds.items()}
    inputs, outputs = follow(
        call,
        marks,
        rows,
        stacked=trace.stacked,
        image_counts={length: size[0] * size[1] for length, size in sizes.items()},
        outputs_of=outputs_of,
        fixed=fixed,
    )
    return CallPlaces(
        part,
        call.batch // trace.batch,
        found,
        _image_places(trace, call, outputs, sizes),
        {block: _text(outputs.get(block, {})) for block in trace.blocks},
        {block: _text(inputs.get(block, {})) for block in trace.blocks},
    )


def _image_places(
    trace: DenoiserTrace,
    call: TracedCall,
    outputs: Mapping[str, Mapping[str, Position]],
    sizes: Mapping[int, tuple[int, int]],
) -> dict[str, ImagePlace]:
    """Where each block's output holds the image; blocks that do not show it are absent."""
    image = {}
    for block in trace.blocks:
        if block in call.maps:
            output, size = call.maps[block]
            image[block] = ImagePlace(output, size)
            continue
        position = outputs.get(block, {}).get(IMAGE)
        if position is not None and position.count in sizes:
            image[block] = ImagePlace(
                position.sequence,
                sizes[position.count],
                position.shift,
                position.length,
                position.layout == "tokens",
            )
    return image


def _text(positions: Mapping[str, Position]) -> dict[str, TokensPlace]:
    return {
        name: TokensPlace(each.sequence, each.length, each.shift, each.layout == "tokens")
        for name, each in positions.items()
        if name != IMAGE and each.layout != "divided"
    }


def _image_mark(held: Any, first: int, count: int) -> Any:
    import torch

    steps = torch.linspace(0, count - 1, 16).round().long()
    return mark_of(held[:, first + steps], steps.expand(len(held), -1))


def _every(shift: Sequence[int], count: int) -> tuple[int, ...]:
    return tuple(for_prompt(shift, index) for index in range(count))


def _declared_outputs(kind: type) -> dict[str, str]:
    """Which outputs of a block diffusers declares to be the image and the text."""
    facts = block_facts(kind)
    # A block that returns nothing else may return the text in the same sequence.
    if facts is None or facts.text_output is None:
        return {}
    return {IMAGE: str(facts.image_output), "text": str(facts.text_output)}


def _label(part: int, parts: int) -> Conditional:
    if parts == 1:
        return "own call"
    return "first" if part == 0 else "last" if part == parts - 1 else "middle"


def _not_told(trace: DenoiserTrace) -> DenoiserLayout:
    sentence = (
        "Which part of a guided batch holds the prompts could not be determined: "
        + (
            "their states are nowhere in what the denoiser is given"
            if trace.calls
            else "no call of the denoiser was seen"
        )
        + "."
    )
    places = CallPlaces(0, 0)
    return DenoiserLayout(
        trace.component, trace.blocks, None, "search", places, False, 0, (sentence,)
    )


def _is_fixed(
    call: TracedCall,
    places: CallPlaces,
    states: Mapping[str, PromptStates],
) -> bool:
    """Whether `places` hold for prompts of any length.

    That needs prompts of different lengths which have everything at the same places.
    """
    alone = all(each.first is None or not any(each.first) for each in places.image.values())
    sequences = sequences_in(call.arguments)
    given = (sequences.get(each.argument) for each in places.states.values())
    if is_list(call.sample) or any(is_list(each) for each in given):
        return False
    shifts = [each.shift for each in places.states.values()]
    shifts += [each.first for each in places.image.values() if each.first is not None]
    for blocks in (places.text, places.keys):
        shifts += [each.shift for block in blocks.values() for each in block.values()]
    if any(len(set(each)) > 1 for each in shifts):
        return False
    # An image in a sequence of its own is where it is whatever the prompts, and in each recorded
    # call it is checked that the states of the prompts are where they were.
    if alone and not any(places.text.values()):
        return True
    return all(
        len({len(each.content) for each in states[name].tokens}) > 1 for name in places.states
    )


def _not_located(
    trace: DenoiserTrace,
    places: CallPlaces,
    states: Mapping[str, PromptStates],
    several: Sequence[str],
    declared: bool,
) -> list[str]:
    found: list[str] = []
    for encoder in several:
        found.append(
            f"The prompts' tokens as {encoder} computes them are at several places of what the "
            "denoiser is given that are too much alike, so they are not read in the denoiser."
        )
    absent = [name for name in states if name not in places.states and name not in several]
    if absent and not declared:
        found.append(
            f"The prompts' tokens as {' and '.join(absent)} computes them are not in what the "
            "denoiser is given, so they are not read in the denoiser."
        )
    without = [block for block in trace.blocks if block not in places.image]
    if without:
        found.append(
            f"The image is not located in {', '.join(without)} of the denoiser, so these blocks "
            "are not read."
        )
    return found
