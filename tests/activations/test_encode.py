"""The text station keeps exactly what the pipeline's own prompt encoding computes."""

from __future__ import annotations

import copy
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from prompts.structure import Constituent, Prompt
from t2i_audit.activations.random_weights import random_text_encoders
from t2i_audit.activations.text.encode import EncodedSuite, encode_suite
from t2i_audit.errors import ModelError
from t2i_audit.models.loaded import LoadedModel
from t2i_audit.pipelines.prompt_encoding import encode_prompts
from t2i_audit.run.features import Features
from tests.tiny import tiny_flux_text, tiny_prompts, tiny_xl_text

PROMPTS = tiny_prompts(12)


@pytest.fixture(scope="module")
def encoded(tiny: LoadedModel) -> EncodedSuite:
    return encode_suite(tiny, PROMPTS, batch_size=5)


@pytest.fixture(scope="module")
def xl(tiny: LoadedModel) -> LoadedModel:
    return replace(tiny, pipeline=tiny_xl_text())


@pytest.fixture(scope="module")
def flux(tiny: LoadedModel) -> LoadedModel:
    return replace(tiny, pipeline=tiny_flux_text())


def find(encoded: EncodedSuite, encoder: str, layer: str, position: str) -> Features:
    wanted = (encoder, layer, position)
    return next(f for f in encoded.features if (f.encoder, f.layer, f.position) == wanted)


def texts() -> list[str]:
    return [prompt.text for prompt in PROMPTS]


def at_tokens(states: torch.Tensor, encoded: EncodedSuite, encoder: str, slot: str) -> np.ndarray:
    """Mean of `states` ``(n, s, d)`` over the slot's tokens, one prompt at a time."""
    means = [
        row[list(tokens.slots[slot])].mean(dim=0) if slot in tokens.slots else row[0] * torch.nan
        for row, tokens in zip(states, encoded.tokens[encoder], strict=True)
    ]
    return torch.stack(means).numpy()


def at_ends(states: torch.Tensor, encoded: EncodedSuite, encoder: str) -> np.ndarray:
    ends = [tokens.eos for tokens in encoded.tokens[encoder]]
    return states[torch.arange(len(ends)), ends].numpy()


@torch.no_grad()
def test_the_final_state_of_clip_is_what_encode_prompt_returns(
    tiny: LoadedModel, encoded: EncodedSuite
) -> None:
    states, _ = tiny.pipeline.encode_prompt(texts(), "cpu", 1, False)
    actual = find(encoded, "text_encoder", "final_norm", "eos").values

    np.testing.assert_allclose(actual, at_ends(states, encoded, "text_encoder"), atol=1e-5)


@torch.no_grad()
def test_a_slot_is_the_mean_over_its_own_tokens(tiny: LoadedModel, encoded: EncodedSuite) -> None:
    states, _ = tiny.pipeline.encode_prompt(texts(), "cpu", 1, False)
    expected = at_tokens(states, encoded, "text_encoder", "relation")
    actual = find(encoded, "text_encoder", "final_norm", "relation").values

    np.testing.assert_allclose(actual, expected, atol=1e-5)


@torch.no_grad()
def test_the_two_encoders_of_xl_give_the_halves_of_what_encode_prompt_returns(
    xl: LoadedModel,
) -> None:
    encoded = encode_suite(xl, PROMPTS, batch_size=5)
    states = xl.pipeline.encode_prompt(texts(), do_classifier_free_guidance=False)[0]
    # XL hands on what enters the last of its two blocks: the output of the first.
    halves = [
        find(encoded, name, "block_1", "eos").values for name in ("text_encoder", "text_encoder_2")
    ]
    expected = at_ends(states, encoded, "text_encoder")

    np.testing.assert_allclose(np.concatenate(halves, axis=1), expected, atol=1e-5)


@torch.no_grad()
def test_the_projected_pooled_output_is_what_encode_prompt_returns(xl: LoadedModel) -> None:
    encoded = encode_suite(xl, PROMPTS, batch_size=5)
    pooled = xl.pipeline.encode_prompt(texts(), do_classifier_free_guidance=False)[2]

    actual = find(encoded, "text_encoder_2", "pooled", "pooled").values
    np.testing.assert_allclose(actual, pooled.numpy(), atol=1e-5)


def test_a_pooled_output_that_the_pipeline_leaves_unused_is_not_kept(xl: LoadedModel) -> None:
    encoded = encode_suite(xl, PROMPTS)
    pooled = {each.encoder for each in encoded.features if each.layer == "pooled"}

    assert pooled == {"text_encoder_2"}


@torch.no_grad()
def test_the_final_state_of_t5_is_what_encode_prompt_returns(flux: LoadedModel) -> None:
    encoded = encode_suite(flux, PROMPTS, batch_size=5)
    states = flux.pipeline.encode_prompt(texts(), None)[0]
    expected = at_tokens(states, encoded, "text_encoder_2", "object_1.colour")
    actual = find(encoded, "text_encoder_2", "final_norm", "object_1.colour").values

    np.testing.assert_allclose(actual, expected, atol=1e-5)


@torch.no_grad()
def test_the_pooled_output_alone_of_flux_clip_is_what_encode_prompt_returns(
    flux: LoadedModel,
) -> None:
    encoded = encode_suite(flux, PROMPTS, batch_size=5)
    pooled = flux.pipeline.encode_prompt(texts(), None)[1]

    actual = find(encoded, "text_encoder", "pooled", "pooled").values
    np.testing.assert_allclose(actual, pooled.numpy(), atol=1e-5)


@torch.no_grad()
def test_every_layer_is_the_hidden_state_of_that_depth(
    tiny: LoadedModel, encoded: EncodedSuite
) -> None:
    ids = tiny.pipeline.tokenizer(texts(), padding="max_length", return_tensors="pt").input_ids
    hidden = tiny.pipeline.text_encoder(ids, output_hidden_states=True).hidden_states

    for layer, states in zip(("embeddings", "block_1", "block_2"), hidden, strict=True):
        actual = find(encoded, "text_encoder", layer, "eos").values
        expected = at_ends(states, encoded, "text_encoder")
        np.testing.assert_allclose(actual, expected, atol=1e-5)


def test_features_do_not_depend_on_the_batch(tiny: LoadedModel, encoded: EncodedSuite) -> None:
    for one, other in zip(
        encoded.features, encode_suite(tiny, PROMPTS, batch_size=1).features, strict=True
    ):
        np.testing.assert_allclose(one.values, other.values, atol=1e-5)


def test_features_follow_their_prompts_whatever_the_order(
    tiny: LoadedModel, encoded: EncodedSuite
) -> None:
    backwards = encode_suite(tiny, PROMPTS[::-1], batch_size=5)

    for each in encoded.features:
        other = find(backwards, each.encoder, each.layer, each.position)
        np.testing.assert_allclose(each.values, other.values[::-1], atol=1e-5)


def test_a_prompt_without_a_slot_has_an_invalid_row_there(encoded: EncodedSuite) -> None:
    valid = find(encoded, "text_encoder", "block_1", "relation").valid
    expected = [prompt.constituent("relation") is not None for prompt in PROMPTS]

    assert valid.tolist() == expected
    assert 0 < sum(expected) < len(expected)


def test_hooks_are_gone_afterwards(tiny: LoadedModel) -> None:
    encode_suite(tiny, PROMPTS[:2])
    hooked = [m for m in tiny.pipeline.text_encoder.modules() if m._forward_pre_hooks]

    assert hooked == []


def test_on_disk_the_features_are_the_same_to_half_precision(
    tiny: LoadedModel, encoded: EncodedSuite, tmp_path: Path
) -> None:
    stored = encode_suite(tiny, PROMPTS, batch_size=5, folder=tmp_path)

    for one, other in zip(encoded.features, stored.features, strict=True):
        assert isinstance(other.values, np.memmap)
        assert other.values.dtype == np.float16
        np.testing.assert_allclose(one.values, other.values, rtol=1e-3, atol=1e-4)
        assert one.valid.tolist() == other.valid.tolist()


def test_a_prompt_longer_than_the_window_is_flagged(tiny: LoadedModel) -> None:
    text = "a red circle " + "and a green star " * 40 + "above a blue cross"
    parts = tuple(
        Constituent(slot, "colour", word, text.index(word), text.index(word) + len(word), (slot,))
        for slot, word in (("first", "red"), ("last", "blue"))
    )
    long = Prompt("long", text, "relation", "long", parts)
    encoded = encode_suite(tiny, [*PROMPTS[:3], long])

    assert encoded.truncated.tolist() == [False, False, False, True]
    # What lies before the cut is still read, what lies behind it is not there.
    assert find(encoded, "text_encoder", "block_1", "first").valid[3]
    assert set(encoded.tokens["text_encoder"][3].slots) == {"first"}


def test_the_random_weights_has_the_same_layers_and_other_states(
    tiny: LoadedModel, encoded: EncodedSuite
) -> None:
    with random_text_encoders(tiny, seed=1) as model:
        random_model = encode_suite(model, PROMPTS)

    for one, other in zip(encoded.features, random_model.features, strict=True):
        assert (one.layer, one.position, one.values.shape) == (
            other.layer,
            other.position,
            other.values.shape,
        )
        assert not np.allclose(one.values, other.values, equal_nan=True)


def test_the_random_weights_depends_on_its_seed_alone(tiny: LoadedModel) -> None:
    torch.manual_seed(5)
    with random_text_encoders(tiny, seed=1) as random_model:
        first = random_model.pipeline.text_encoder.state_dict()
    torch.manual_seed(6)
    with random_text_encoders(tiny, seed=1) as random_model:
        again = random_model.pipeline.text_encoder.state_dict()

    assert all(torch.equal(first[name], again[name]) for name in first)


def test_making_a_twin_leaves_the_model_as_it_was(tiny: LoadedModel) -> None:
    encoder = tiny.pipeline.text_encoder
    with random_text_encoders(tiny, seed=1) as random_model:
        assert tiny.pipeline.text_encoder is encoder is not random_model.pipeline.text_encoder
        assert random_model.pipeline.unet is tiny.pipeline.unet


@torch.no_grad()
@pytest.mark.parametrize("added", [[], ["<thing>"], ["<thing>", "<thing>_1"]])
def test_learnt_words_are_encoded_as_the_pipeline_does(added: list[str], tiny: LoadedModel) -> None:
    pipeline = copy.copy(tiny.pipeline)
    pipeline.tokenizer = copy.deepcopy(pipeline.tokenizer)
    pipeline.text_encoder = copy.deepcopy(pipeline.text_encoder)
    pipeline.tokenizer.add_tokens(added)
    pipeline.text_encoder.resize_token_embeddings(len(pipeline.tokenizer))
    text = "a red <thing> above a circle"
    expected = pipeline.encode_prompt([text], "cpu", 1, False)[0]

    actual = encode_prompts(pipeline, [text])[0]

    torch.testing.assert_close(actual, expected)
    converted = pipeline.maybe_convert_prompt(text, pipeline.tokenizer)
    assert (converted == text) == (len(added) < 2)  # and the pipeline is as it was


def test_a_pipeline_without_text_encoder_is_refused(tiny: LoadedModel) -> None:
    from diffusers import DDPMPipeline

    bare = DDPMPipeline(unet=tiny.pipeline.unet, scheduler=tiny.pipeline.scheduler)
    with pytest.raises(ModelError, match="DDPMPipeline has no text encoder"):
        encode_suite(replace(tiny, pipeline=bare), PROMPTS)
