"""The layout is decided from plain data: a trace and the states, without a module or a hook."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
import torch

from t2i_audit.activations.denoiser.layout import DenoiserLayout
from t2i_audit.activations.denoiser.locate import find_layout
from t2i_audit.activations.denoiser.prompt_states import PromptStates, span_of
from t2i_audit.activations.denoiser.search import Spans
from t2i_audit.activations.denoiser.trace import (
    DenoiserTrace,
    Event,
    TracedCall,
    TracedSequence,
)
from t2i_audit.activations.text.positions import PromptTokens

TEXT, IMAGE, WIDTH = 24, 16, 64
BATCH = 2
CUT = 5  # tokens of a template that the denoiser does not get
LENGTHS = (9, 6)


def drawn(*shape: int, seed: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


STATES = drawn(BATCH, TEXT + CUT, WIDTH, seed=0)
OTHERS = drawn(BATCH, TEXT, WIDTH, seed=1)


def prompt_states() -> dict[str, PromptStates]:
    tokens = tuple(
        PromptTokens(8 + length, tuple(range(8, 8 + length)), {}, "whole", True)
        for length in LENGTHS
    )
    positions = torch.tensor([span_of(each) for each in tokens])
    vectors = STATES[torch.arange(BATCH)[:, None], positions]
    return {"text_encoder": PromptStates(tokens, {"final_norm": Spans(vectors, positions)})}


def sequence(values: torch.Tensor) -> TracedSequence:
    return TracedSequence(values.shape[-1], False, False, by_row=values)


def call(*parts: torch.Tensor, joined: bool = False) -> TracedCall:
    """A call of one block, which is given text and image and adds a little to both."""
    text = torch.cat(parts)
    image = drawn(BATCH, IMAGE, WIDTH, seed=2).repeat(len(parts), 1, 1)
    given = {"image": image, "text": text}
    returned = {"0": text, "1": image}
    if joined:
        given = {"both": torch.cat([text, image], dim=1)}
        returned = {"0": given["both"]}
    begun = {name: sequence(each) for name, each in given.items()}
    ended = {
        name: sequence(each + 0.1 * drawn(*each.shape, seed=3)) for name, each in returned.items()
    }
    first = {"0": sequence(image)}
    return TracedCall(
        batch=len(text),
        rows=tuple(range(len(text))),
        arguments={"hidden_states": image, "encoder_hidden_states": text},
        events=[
            Event("begin", "embed", {"x": sequence(image)}),
            Event("end", "embed", first),
            Event("begin", "blocks.0", begun),
            Event("end", "blocks.0", ended),
        ],
    )


def trace(*calls: TracedCall) -> DenoiserTrace:
    return DenoiserTrace(
        pipeline="OtherPipeline", component="transformer", denoiser="OtherTransformer",
        blocks=("blocks.0",), stacked=frozenset({"blocks.0"}), kinds={"blocks.0": object},
        batch=BATCH, prompts=(0, 1), size=None, calls=calls,
    )  # fmt: skip


def places(layout: DenoiserLayout) -> tuple[Any, ...]:
    record = layout.to_json()
    text = record["text"].get("blocks.0", {}).get("text_encoder")
    return layout.conditional, record["image"]["blocks.0"], text


OWN = STATES[:, CUT:]
TWO = ({"output": "1", "first": 0, "size": [4, 4]}, {"output": "0", "shift": -CUT})
ONE = ({"output": "0", "first": -IMAGE, "size": [4, 4]}, {"output": "0", "shift": -CUT})


@pytest.mark.parametrize(
    ("calls", "expected"),
    [
        ([call(OWN)], ("all", *TWO)),
        ([call(OWN, OTHERS)], ("first", *TWO)),
        ([call(OTHERS, OWN)], ("last", *TWO)),
        ([call(OTHERS, OWN, OTHERS)], ("middle", *TWO)),
        ([call(OTHERS), call(OWN)], ("own call", *TWO)),
        ([call(OTHERS, OWN, joined=True)], ("last", *ONE)),
    ],
)
def test_text_image_and_the_conditional_part_are_found(
    calls: list[TracedCall], expected: tuple[Any, ...]
) -> None:
    layout = find_layout(trace(*calls), prompt_states())

    assert places(layout) == expected
    assert layout.located_by == "search"
    assert layout.fixed
    assert not layout.not_located
    json.dumps(layout.to_json())


def test_prompts_of_one_length_do_not_show_that_places_hold_for_all() -> None:
    (known,) = prompt_states().values()
    alike = tuple(replace(each, content=each.content[:6]) for each in known.tokens)
    states = {"text_encoder": PromptStates(alike, known.spans)}

    assert not find_layout(trace(call(OWN)), states).fixed


def test_a_part_that_both_halves_could_be_is_not_guessed() -> None:
    layout = find_layout(trace(call(OWN, OWN)), prompt_states())

    assert layout.conditional is None
    assert layout.not_located


def test_the_part_that_differs_with_the_prompts_is_the_conditional_one() -> None:
    """The encoders' states are nowhere, and the noise is the same."""
    hidden, other = drawn(BATCH, TEXT, WIDTH, seed=5), drawn(BATCH, TEXT, WIDTH, seed=6)
    for one, two, expected in (
        (call(hidden, OTHERS), call(other, OTHERS), "first"),
        (call(OTHERS, hidden), call(OTHERS, other), "last"),
        (call(hidden, OTHERS), call(other, hidden), None),
    ):
        layout = find_layout(trace(one), prompt_states(), trace(two))
        assert layout.conditional == expected
        assert layout.to_json()["located"] == "no"


def test_an_image_of_as_many_tokens_as_the_text_is_told_apart() -> None:
    image = call(OWN).arguments["hidden_states"]
    own = drawn(BATCH, IMAGE, WIDTH, seed=7)
    own[:, :10] = STATES[:, 8:18]
    made = call(own)
    assert made.arguments["hidden_states"].shape == image.shape == own.shape
    layout = find_layout(trace(made), prompt_states())

    assert places(layout) == ("all", TWO[0], {"output": "0", "shift": -8})
