"""Vectors are found by value whatever some of their channels hold, or not at all."""

from __future__ import annotations

import pytest
import torch

from t2i_audit.activations.denoiser.inputs import find_states, holds_states
from t2i_audit.activations.denoiser.prompt_states import PromptStates
from t2i_audit.activations.denoiser.search import TOLERANCE, Match, Spans, find_spans
from t2i_audit.activations.text.positions import PromptTokens

ROWS, TOKENS, WIDTH = 2, 48, 3584
OUTLIER = 1415  # a channel
FIRST = 11  # of the span in its own sequence
SHIFT = -5
CUT = torch.bfloat16


def states(seed: int = 0) -> torch.Tensor:
    return torch.randn(ROWS, TOKENS, WIDTH, generator=torch.Generator().manual_seed(seed))


def with_outliers(values: torch.Tensor, size: float, where: str) -> torch.Tensor:
    """`values` with one channel `size` times the others, at some of the tokens."""
    tokens = {"begin": [0], "every": list(range(TOKENS)), "some": [0, 9, FIRST + 8, 30]}[where]
    for number, token in enumerate(tokens):
        # Alike from token to token, as massive activations are.
        values[:, token, OUTLIER] = size * (1 + 0.001 * number)
    return values


def spans_of(values: torch.Tensor, length: int = 9) -> Spans:
    """A prompt's tokens in `values`, at positions that are shifted against those there."""
    index = torch.arange(FIRST, FIRST + length).expand(ROWS, -1)
    return Spans(values[:, index[0]].clone(), index - SHIFT)


def found_at(match: Match | None) -> tuple[int, ...] | None:
    return match.shifts if match is not None and match.is_unique else None


@pytest.mark.parametrize("rounded", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("where", ["begin", "every", "some"])
@pytest.mark.parametrize("size", [1e3, 5e3, 3e4, 1e5])
def test_an_outlier_channel_hides_nothing(size: float, where: str, rounded: torch.dtype) -> None:
    if rounded == torch.float16 and size > 6e4:
        pytest.skip("float16 has no such numbers")
    values = with_outliers(states(), size, where)

    assert found_at(find_spans(spans_of(values), values.to(rounded))) == (SHIFT, SHIFT)


@pytest.mark.parametrize("where", ["begin", "every", "some"])
@pytest.mark.parametrize("size", [1e3, 1e5])
def test_what_is_not_there_is_not_found_for_an_outlier_channel(size: float, where: str) -> None:
    values = with_outliers(states(), size, where)
    others = with_outliers(states(seed=1), size, where)

    assert found_at(find_spans(spans_of(values), others.to(CUT))) is None


@pytest.mark.parametrize("nearness", [0.0, 1e-4, 1e-2])
def test_two_tokens_of_nearly_equal_states_are_told_apart_by_the_others(nearness: float) -> None:
    values = states()
    last = FIRST + 8
    values[:, 3] = values[:, last] * (1 + nearness)  # comes first in the sequence

    assert found_at(find_spans(spans_of(values), values.to(CUT))) == (SHIFT, SHIFT)


@pytest.mark.parametrize("nearness", [0.0, 1e-4, 1e-3])
def test_a_prompt_of_one_token_that_is_there_twice_is_not_located(nearness: float) -> None:
    values = states()
    values[:, 3] = values[:, FIRST] * (1 + nearness)
    match = find_spans(spans_of(values, length=1), values.to(CUT))

    assert match is not None and match.is_near and not match.is_unique


def test_a_repeated_prompt_is_not_located() -> None:
    values = states()
    values[:, 25:34] = values[:, FIRST : FIRST + 9]

    assert found_at(find_spans(spans_of(values), values)) is None


def test_a_row_of_nan_takes_the_place_of_the_others() -> None:
    values = states()
    values[1, FIRST + 3, 7] = torch.nan

    assert found_at(find_spans(spans_of(values), values)) == (SHIFT, SHIFT)
    values[0, FIRST, 0] = torch.inf
    assert find_spans(spans_of(values), values) is None


def prompt_states(values: torch.Tensor, **layers: torch.Tensor) -> PromptStates:
    content = tuple(range(FIRST - SHIFT, FIRST - SHIFT + 9))
    tokens = PromptTokens(content[-1] + 1, content, {}, "whole", True)
    every = layers or {"final_norm": values}
    return PromptStates((tokens,) * ROWS, {name: spans_of(each) for name, each in every.items()})


def test_states_are_found_among_the_channels_of_other_layers() -> None:
    values, others = with_outliers(states(), 1e4, "every"), states(seed=1)
    joined = torch.cat([others, values], dim=2).to(CUT)
    turns = torch.stack([others, values], dim=3).flatten(2).to(CUT)
    for argument, channels in (
        (joined, slice(WIDTH, 2 * WIDTH, 1)),
        (turns, slice(1, None, 2)),
    ):
        arguments = {"hidden_states": states(seed=2), "encoder_hidden_states": argument}
        found, several = find_states(arguments, {"text": prompt_states(values)}, [0, 1])

        assert not several
        assert found["text"].argument == "encoder_hidden_states"
        assert found["text"].shift == (SHIFT, SHIFT)
        assert found["text"].channels == channels


def test_of_layers_that_are_alike_the_nearest_is_taken() -> None:
    """A residual stream changes little from layer to layer."""
    values = states()
    before = values + 0.02 * states(seed=1)
    held = {"encoder_hidden_states": values.to(CUT)}
    known = {"text": prompt_states(values, block_1=before, block_2=values)}
    found, _ = find_states(held, known, [0, 1])

    assert found["text"].layer == "block_2"


def test_places_are_checked_in_each_call() -> None:
    values = with_outliers(states(), 1e5, "every")
    held = {"encoder_hidden_states": values.to(CUT)}
    known = {"text": prompt_states(values)}
    places, _ = find_states(held, known, [0, 1])

    assert holds_states(held, places, known, [0, 1]) <= TOLERANCE
    moved = {"encoder_hidden_states": values.roll(1, dims=1).to(CUT)}
    assert holds_states(moved, places, known, [0, 1]) > TOLERANCE
    shorter = {"encoder_hidden_states": values[:, :-1].to(CUT)}
    assert holds_states(shorter, places, known, [0, 1]) > TOLERANCE
