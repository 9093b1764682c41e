"""What a VAE is given, and what it reads in the image that it made of it, recorded by the way."""

from __future__ import annotations

from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional

from t2i_audit.activations.decoder import AGAIN, LATENTS, SIDE, image_decoder, recording_decoder
from t2i_audit.generation import Sampled, cut_batches, sample_batch, sampling_defaults
from t2i_audit.models.loaded import LoadedModel
from t2i_audit.settings import ImageOptions
from tests.families import text
from tests.families.checkpoints import FAMILIES
from tests.tiny import tiny_prompts

(BATCH,) = cut_batches(tiny_prompts(3), seeds=1, batch_size=3)
# Of several autoencoders: with a distribution, of one frame, packed latents, deep compression.
NAMES = ("stable-diffusion-1", "flux-1", "qwen-image", "sana")


def draw(model: LoadedModel, name: str, recording: Any = None) -> Sampled:
    side = FAMILIES[name].side
    with recording or nullcontext():
        return sample_batch(
            model, BATCH, steps=2, guidance_scale=sampling_defaults(model).guidance_scale,
            options=ImageOptions(height=side, width=side),
        )  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_latents_and_the_image_encoded_again_are_kept_of_the_rows_asked_for(
    name: str, family_model: Any
) -> None:
    model = family_model(name)
    vae: Any = model.pipeline.vae
    seen: list[Any] = []
    decode = vae.decode

    def look(latents: Any, *args: Any, **kwargs: Any) -> Any:
        decoded = decode(latents, *args, **kwargs)
        seen.append((latents, decoded[0]))
        return decoded

    plain = draw(model, name)
    vae.decode = look
    try:
        recording = recording_decoder(model.pipeline, [0, 2], 3)
        with recording as states:
            watched = draw(model, name)
    finally:
        del vae.decode
    latents = torch.cat([each for each, _ in seen]).float()[[0, 2]]
    images = torch.cat([each for _, each in seen])[[0, 2]]
    with torch.no_grad():
        encoded = [vae.encode(images[row : row + 1].clamp(-1, 1)) for row in range(2)]
    again = torch.cat(
        [each.latent_dist.mode() if hasattr(each, "latent_dist") else each[0] for each in encoded]
    )

    np.testing.assert_array_equal(plain.images, watched.images)
    for layer, expected in ((LATENTS, latents), (AGAIN, again)):
        if expected.ndim == 5:
            expected = expected.squeeze(2)
        pooled = functional.adaptive_avg_pool2d(expected, SIDE).flatten(2).transpose(1, 2)
        kept = states.features["vae", layer, "grid"]
        torch.testing.assert_close(kept.reshape(pooled.shape), pooled, rtol=1e-3, atol=1e-4)


def test_a_vae_that_cannot_encode_leaves_images_as_they_are(
    family_model: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = "stable-diffusion-1"
    model = family_model(name)
    plain = draw(model, name)

    def refuse(*_: Any) -> Any:
        raise NotImplementedError

    monkeypatch.setattr(model.pipeline.vae, "encode", refuse)
    with recording_decoder(model.pipeline, [0], 3) as states:
        watched = draw(model, name)

    assert not states.features
    np.testing.assert_array_equal(plain.images, watched.images)


def test_a_pipeline_that_samples_pixels_has_no_vae() -> None:
    """DeepFloyd's and Pixel pipelines have tokenizers, which decode and encode as well."""
    components = {"tokenizer": text.clip()[1], "unet": torch.nn.Linear(1, 1)}

    assert image_decoder(SimpleNamespace(components=components)) is None
