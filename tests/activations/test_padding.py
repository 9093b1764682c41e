"""Padding is cut where nothing read depends on it, and only there."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from prompts.structure import Prompt
from t2i_audit.activations.text.encode import encode_suite
from t2i_audit.activations.text.hooks import recording
from t2i_audit.activations.text.padding import cuttable, padding_cut
from t2i_audit.models.loaded import LoadedModel
from t2i_audit.pipelines.prompt_encoding import encode_prompts
from t2i_audit.pipelines.text_encoders import text_encoders
from t2i_audit.run.features import Features
from tests.tiny import t5_tokenizer, tiny_flux_text, tiny_prompts, tiny_xl_text

PROMPTS = tiny_prompts(12)


def masked_t5_text() -> Any:
    """The text half of a PixArt pipeline: a T5 that is given a mask of its padding."""
    import torch
    from diffusers import DPMSolverMultistepScheduler, PixArtAlphaPipeline
    from transformers import T5Config, T5EncoderModel

    torch.manual_seed(0)
    t5 = t5_tokenizer()
    config = T5Config(
        vocab_size=len(t5), d_model=32, d_ff=37, d_kv=8, num_layers=2, num_heads=4,
        pad_token_id=t5.pad_token_id, eos_token_id=t5.eos_token_id,
    )  # fmt: skip
    return PixArtAlphaPipeline(
        tokenizer=t5,
        text_encoder=T5EncoderModel(config).eval(),
        vae=None,
        transformer=None,
        scheduler=DPMSolverMultistepScheduler(),
    )


def exact_in(pipeline: Any) -> set[str]:
    texts = [prompt.text for prompt in PROMPTS[:3]]
    encoders = text_encoders(pipeline)
    return {each.name for each in cuttable(encoders, lambda: encode_prompts(pipeline, texts))}


@pytest.mark.parametrize(
    ("pipeline", "exact"),
    [
        (tiny_xl_text, {"text_encoder", "text_encoder_2"}),
        (masked_t5_text, {"text_encoder"}),
        # FLUX gives its T5 no mask: what it makes of a prompt depends on the padding.
        (tiny_flux_text, {"text_encoder"}),
    ],
    ids=["causal", "masked", "attends to padding"],
)
def test_only_encoders_that_do_not_see_their_padding_are_cut(pipeline: Any, exact: Any) -> None:
    assert exact_in(pipeline()) == exact


def loaded_text(tiny: LoadedModel, pipeline: Any) -> LoadedModel:
    from dataclasses import replace

    return replace(tiny, pipeline=pipeline)


def one_by_one(loaded: LoadedModel) -> dict[tuple[str, str], np.ndarray]:
    """Every prompt encoded by itself, nothing cut: the state at each layer's end token."""
    from t2i_audit.activations.text.positions import locate

    rows: dict[tuple[str, str], list[np.ndarray]] = {}
    for prompt in PROMPTS:
        encoders = text_encoders(loaded.pipeline)
        with recording(encoders) as calls:
            encode_prompts(loaded.pipeline, [prompt.text])
        for encoder in encoders:
            (call,) = calls[encoder.name]
            eos = locate(encoder.tokenizer, prompt, call.ids[0].tolist()).eos
            for layer, states in call.states.items():
                rows.setdefault((encoder.name, layer), []).append(states[0, eos].numpy())
    return {place: np.stack(values) for place, values in rows.items()}


@pytest.mark.parametrize("pipeline", [tiny_xl_text, masked_t5_text, tiny_flux_text])
def test_features_are_those_of_every_prompt_encoded_alone(tiny: LoadedModel, pipeline: Any) -> None:
    loaded = loaded_text(tiny, pipeline())
    expected = one_by_one(loaded)

    features = [f for f in encode_suite(loaded, PROMPTS, batch_size=5).features if is_eos(f)]

    assert {(f.encoder, f.layer) for f in features} == set(expected)
    for each in features:
        np.testing.assert_allclose(
            each.values, expected[each.encoder, each.layer], rtol=1e-4, atol=2e-5
        )


def is_eos(features: Features) -> bool:
    return features.position == "eos"


def test_a_cut_call_returns_what_the_pipeline_expects(tiny: LoadedModel) -> None:
    texts = [prompt.text for prompt in PROMPTS[:3]]
    whole = encode_prompts(tiny.pipeline, texts)[0]

    with padding_cut(text_encoders(tiny.pipeline)):
        cut = encode_prompts(tiny.pipeline, texts)[0]

    assert cut.shape == whole.shape
    filled = (cut == 0).all(dim=2)
    assert 0 < filled.sum() < filled.numel()
    np.testing.assert_allclose(cut[~filled], whole[~filled], rtol=1e-4, atol=2e-5)


def test_a_text_that_occurs_twice_is_encoded_once(tiny: LoadedModel) -> None:
    twice: tuple[Prompt, ...] = (*PROMPTS, *PROMPTS[::-1])
    (encoder,) = text_encoders(tiny.pipeline)

    with recording([encoder], states=False) as calls:
        encoded = encode_suite(tiny, twice, batch_size=64)

    assert max(len(call.ids) for call in calls[encoder.name]) == len(PROMPTS)
    for each in encoded.features:
        half = len(PROMPTS)
        np.testing.assert_array_equal(each.values[:half], each.values[half:][::-1])
