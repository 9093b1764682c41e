"""Images depend on their prompt and their seed, and on nothing else."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from t2i_audit.generation import cut_batches, sample_batch, sampling_defaults
from t2i_audit.generation.noise import draw_latents, generator_for
from t2i_audit.models.loaded import LoadedModel
from t2i_audit.pipelines.components import latents_shape
from tests.tiny import GUIDANCE, STEPS, tiny_prompts

PROMPTS = tiny_prompts(5, seed=2)
ROUNDING = 1  # of 255


def images(
    tiny: LoadedModel, prompts: tuple, *, seeds: int = 1, batch_size: int, base_seed: int = 0
) -> dict[tuple[str, int], np.ndarray]:
    made = {}
    for batch in cut_batches(prompts, seeds=seeds, batch_size=batch_size):
        sampled = sample_batch(
            tiny, batch, steps=STEPS, guidance_scale=GUIDANCE, base_seed=base_seed
        )
        for item, image in zip(batch.items, sampled.images, strict=True):
            made[item.prompt.id, item.seed_index] = image
    return made


@pytest.fixture(scope="module")
def made(tiny: LoadedModel) -> dict[tuple[str, int], np.ndarray]:
    return images(tiny, PROMPTS, seeds=2, batch_size=4)


def assert_same(
    one: dict[tuple[str, int], np.ndarray], other: dict[tuple[str, int], np.ndarray]
) -> None:
    assert one.keys() == other.keys()
    for key in one:
        difference = np.abs(one[key].astype(int) - other[key].astype(int))
        assert difference.max() <= ROUNDING


@pytest.mark.parametrize("batch_size", [1, 3, 10])
def test_an_image_is_the_same_in_another_batch(
    tiny: LoadedModel, made: dict[tuple[str, int], np.ndarray], batch_size: int
) -> None:
    assert_same(made, images(tiny, PROMPTS, seeds=2, batch_size=batch_size))


def test_an_image_is_the_same_in_another_order(
    tiny: LoadedModel, made: dict[tuple[str, int], np.ndarray]
) -> None:
    assert_same(made, images(tiny, PROMPTS[::-1], seeds=2, batch_size=4))


def test_the_same_batch_gives_the_same_bits(
    tiny: LoadedModel, made: dict[tuple[str, int], np.ndarray]
) -> None:
    again = images(tiny, PROMPTS, seeds=2, batch_size=4)

    for key, image in made.items():
        np.testing.assert_array_equal(image, again[key])


def test_a_sampler_that_adds_noise_draws_it_for_each_image(tiny: LoadedModel) -> None:
    from diffusers import EulerAncestralDiscreteScheduler

    pipeline = type(tiny.pipeline)(
        **{
            **tiny.pipeline.components,
            "scheduler": EulerAncestralDiscreteScheduler(steps_offset=1),
        },
        requires_safety_checker=False,
    )
    pipeline.set_progress_bar_config(disable=True)
    noisy = replace(tiny, pipeline=pipeline)

    assert_same(images(noisy, PROMPTS, batch_size=5), images(noisy, PROMPTS[::-1], batch_size=2))


def test_every_prompt_and_every_seed_has_its_own_image(
    made: dict[tuple[str, int], np.ndarray],
) -> None:
    assert all(
        not np.array_equal(one, other) for one, other in itertools.combinations(made.values(), 2)
    )


def test_noise_differs_by_prompt_seed_index_and_base_seed() -> None:
    keys = itertools.product((0, 1), ("a", "b"), (0, 1))
    draws = [torch.randn(4, generator=generator_for(*key)) for key in keys]

    assert all(not torch.equal(x, y) for x, y in itertools.combinations(draws, 2))


def test_noise_is_standard_normal_over_prompts() -> None:
    generators = [generator_for(0, f"prompt {index}", 0) for index in range(400)]
    latents = draw_latents(generators, (4, 8, 8))

    # 102,400 draws: the standard error of the mean is 0.003, of the deviation 0.002.
    assert abs(float(latents.mean())) < 0.015
    assert abs(float(latents.std()) - 1) < 0.01


def test_the_latents_have_the_denoisers_shape(tiny: LoadedModel) -> None:
    assert latents_shape(tiny.pipeline) == (4, 8, 8)


def test_a_pipeline_that_makes_nan_is_seen_through(tiny: LoadedModel) -> None:
    (batch,) = cut_batches(PROMPTS[:2], seeds=1, batch_size=2)
    bias = tiny.pipeline.vae.decoder.conv_out.bias
    before = bias.detach().clone()
    try:
        bias.data.fill_(torch.nan)
        sampled = sample_batch(tiny, batch, steps=1, guidance_scale=GUIDANCE)
    finally:
        bias.data.copy_(before)

    assert not sampled.finite.any()
    assert not sampled.images.any()


def test_images_are_bytes_and_finite(tiny: LoadedModel) -> None:
    (batch,) = cut_batches(PROMPTS[:2], seeds=1, batch_size=2)
    sampled = sample_batch(tiny, batch, steps=1, guidance_scale=None)

    assert sampled.images.shape == (2, 16, 16, 3)
    assert sampled.images.dtype == np.uint8
    assert sampled.finite.all()
    assert not sampled.blocked.any()


def test_a_checkpoint_brings_its_own_defaults(tiny: LoadedModel) -> None:
    defaults = sampling_defaults(tiny)

    assert (defaults.steps, defaults.guidance_scale) == (STEPS, GUIDANCE)


def test_other_checkpoints_have_their_pipelines_defaults(tiny: LoadedModel) -> None:
    assert tiny.path is not None
    defaults = sampling_defaults(replace(tiny, path=tiny.path / "unet"))

    assert (defaults.steps, defaults.guidance_scale) == (50, 7.5)


@given(prompts=st.integers(0, 7), seeds=st.integers(1, 4), batch_size=st.integers(1, 9))
def test_batches_hold_every_image_once(prompts: int, seeds: int, batch_size: int) -> None:
    suite = tiny_prompts(7)[:prompts]
    batches = cut_batches(suite, seeds=seeds, batch_size=batch_size)
    items = [item for batch in batches for item in batch.items]

    assert [batch.index for batch in batches] == list(range(len(batches)))
    assert all(len(batch.items) == batch_size for batch in batches[:-1])
    assert len(items) == len(set(items)) == prompts * seeds


@pytest.mark.parametrize("argument", ["seeds", "batch_size"])
def test_counts_below_one_are_refused(argument: str) -> None:
    counts = {"seeds": 1, "batch_size": 1, argument: 0}
    with pytest.raises(ValueError, match=f"`{argument}` should be at least 1; got 0"):
        cut_batches(PROMPTS, **counts)
