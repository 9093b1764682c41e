"""A slot erased from what a block of the denoiser hands on, or exchanged there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
import torch

from prompts.suite import load_suite
from t2i_audit.activations.denoiser import DenoiserRecorder
from t2i_audit.activations.denoiser.reader import RecordedCall
from t2i_audit.errors import ModelError
from t2i_audit.generation import cut_batches, sample_batch
from t2i_audit.generation.batches import Batch
from t2i_audit.generation.sampling import Sampling
from t2i_audit.interventions.block_erasers import fitted_steps
from t2i_audit.interventions.block_states import held_states
from t2i_audit.interventions.blocks import BlockInterventions
from t2i_audit.interventions.intervention import Intervention
from t2i_audit.models import load_model
from t2i_audit.models.loaded import LoadedModel

PROMPTS = load_suite("world-relations").prompts[:120]
STEPS = 2
SAMPLING = Sampling(STEPS, 1.5, seeds=1, batch_size=40, record_denoiser=True)
(BATCH,) = cut_batches(PROMPTS[:6], seeds=1, batch_size=6)
SITE, SLOT = "up_blocks.1", "object_1.colour"


@pytest.fixture(scope="module")
def loaded() -> LoadedModel:
    return load_model("builtin:sound", device="cpu")


@pytest.fixture(scope="module")
def fitted(loaded: LoadedModel) -> BlockInterventions:
    return BlockInterventions.fit(loaded, PROMPTS, SAMPLING, seed=0)


def draw(
    fitted: BlockInterventions,
    intervention: Intervention | None,
    batch: Batch = BATCH,
    to: Mapping[str, str] | None = None,
) -> np.ndarray:
    def sampled() -> np.ndarray:
        return sample_batch(fitted.loaded, batch, steps=STEPS, guidance_scale=1.5).images

    if intervention is None:
        return sampled()
    with fitted.applied(intervention, batch, to or {}):
        return sampled()


def held_at(fitted: BlockInterventions, batch: Batch) -> torch.Tensor:
    """The means of the grid's cells at `SITE` in the first step, ``(b, 4, c)``."""
    kept: list[torch.Tensor] = []

    def keep(call: RecordedCall, path: str, output: Any) -> None:
        if path == SITE and call.step == 0:
            (states,) = held_states(call, path, output).values()
            kept.extend(states.means(part) for part in sorted(states.places))

    recorder = DenoiserRecorder(
        fitted.loaded.pipeline, steps=(), layout=fitted.sampling.layout, change=keep
    )
    sample_batch(fitted.loaded, batch, steps=STEPS, guidance_scale=1.5, recorder=recorder)
    return torch.stack(kept, dim=1)


def test_erased_cells_say_nothing_of_the_slot(fitted: BlockInterventions) -> None:
    """No cell's mean varies together with any value: then no linear probe tells it (LEACE)."""
    before = held_at(fitted, BATCH)
    with fitted.applied(Intervention("erase", SLOT, SITE), BATCH, {}):
        after = held_at(fitted, BATCH)
    erasers = fitted.erasers.of(Intervention("erase", SLOT, SITE))
    parts = sorted({part for _, part, _ in erasers})

    for row, item in enumerate(BATCH.items):
        fold = fitted.erasers.folds.of[item.prompt.composition]
        for cell, part in enumerate(parts):
            expected = erasers[0, part, fold].erase(before[row, cell][None])[0]
            torch.testing.assert_close(after[row, cell], expected, rtol=1e-3, atol=1e-4)


def test_an_eraser_knows_nothing_of_the_prompt_that_it_changes(fitted: BlockInterventions) -> None:
    """Fitted on other compositions, it has another mean than all prompts together."""
    erasers = fitted.erasers.of(Intervention("erase", SLOT, SITE))
    part = next(part for _, part, _ in erasers)
    held = fitted.erasers.held[SITE, 0][part]
    folds = fitted.erasers.folds
    others = torch.stack([held[p.id] for p in PROMPTS if folds.of[p.composition] != 0])

    torch.testing.assert_close(erasers[0, part, 0].mean, others.mean(dim=0), rtol=1e-4, atol=1e-5)


def test_each_kind_draws_other_images(fitted: BlockInterventions) -> None:
    value = fitted.values(SLOT)[0]
    to = {item.prompt.id: value for item in BATCH.items}
    plain = draw(fitted, None)
    erased = draw(fitted, Intervention("erase", SLOT, SITE))
    random = draw(fitted, Intervention("random", SLOT, SITE))
    steered = draw(fitted, Intervention("steer", SLOT, SITE), to=to)

    for one, other in ((plain, erased), (plain, random), (erased, random), (erased, steered)):
        assert not np.array_equal(one, other)
    np.testing.assert_array_equal(erased, draw(fitted, Intervention("erase", SLOT, SITE)))
    np.testing.assert_array_equal(plain, draw(fitted, None))


def test_a_prompt_without_the_slot_stays_as_it_is(loaded: LoadedModel) -> None:
    suite = load_suite("world-smoke").prompts
    own = [prompt for prompt in suite if prompt.constituent("object_2.colour") is None][:3]
    fitted = BlockInterventions.fit(loaded, [*PROMPTS[:80], *own], SAMPLING, seed=0)
    (batch,) = cut_batches([*own, *PROMPTS[:3]], seeds=1, batch_size=6)
    plain = draw(fitted, None, batch)
    erased = draw(fitted, Intervention("random", "object_2.colour", SITE), batch)

    assert own
    np.testing.assert_array_equal(plain[: len(own)], erased[: len(own)])
    assert not np.array_equal(plain[len(own) :], erased[len(own) :])


@pytest.mark.parametrize("way", ["model", "sequential"])
def test_networks_that_are_elsewhere_while_idle_are_changed_alike(
    way: str, fitted: BlockInterventions
) -> None:
    from accelerate import cpu_offload

    model = load_model("builtin:sound", device="cpu")
    if way == "model":
        model.pipeline.enable_model_cpu_offload(device="cpu")
    else:
        for part in (model.pipeline.unet, model.pipeline.text_encoder, model.pipeline.vae):
            cpu_offload(part, torch.device("cpu"))
    away = BlockInterventions(model, fitted.sampling, fitted.erasers, fitted.slots, fitted.refused)
    erase = Intervention("erase", SLOT, "down_blocks.0")

    np.testing.assert_array_equal(draw(away, erase), draw(fitted, erase))


def test_what_cannot_be_changed_is_refused_in_a_sentence(fitted: BlockInterventions) -> None:
    for intervention, said in (
        (Intervention("erase", SLOT, "up_blocks.7"), "no block whose output can be changed"),
        (Intervention("erase", "object_9.colour", SITE), "No prompt has the slot"),
        (Intervention("steer", SLOT, SITE), "cannot be given the value None"),
    ):
        with pytest.raises(ModelError, match=said), fitted.applied(intervention, BATCH, {}):
            pass


def test_steps_that_were_not_changed_are_an_error(fitted: BlockInterventions) -> None:
    with (
        pytest.raises(ModelError, match="in 1 of 2 steps"),
        fitted.applied(Intervention("erase", SLOT, SITE), BATCH, {}),
    ):
        sample_batch(fitted.loaded, BATCH, steps=1, guidance_scale=1.5)


@pytest.mark.parametrize(
    ("steps", "expected"),
    [(1, (0,)), (4, (0, 1, 2, 3)), (30, (0, 4, 8, 12, 17, 21, 25, 29))],
)
def test_erasers_are_fitted_over_all_of_sampling(steps: int, expected: tuple[int, ...]) -> None:
    assert fitted_steps(steps) == expected
