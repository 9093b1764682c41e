"""What is erased from a denoiser's text input, what is refused, and what stops the images."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.linear_model import RidgeClassifier

from prompts.structure import Prompt
from t2i_audit.errors import ModelError
from t2i_audit.generation import cut_batches, sample_batch
from t2i_audit.generation.sampling import Sampling
from t2i_audit.interventions import Intervention, TextInterventions
from t2i_audit.interventions.alone import words_alone
from t2i_audit.interventions.calls import watching
from t2i_audit.interventions.fitted import Station
from t2i_audit.interventions.folds import FEWEST_PER_VALUE, CompositionFolds
from t2i_audit.interventions.given import read_given, read_vectors
from t2i_audit.interventions.locating import batch_of
from t2i_audit.interventions.roles import Role
from t2i_audit.models import load_model
from t2i_audit.models.loaded import LoadedModel
from tests.tiny import STEPS, tiny_pipeline, tiny_prompts

SLOT = "object_1.colour"
PROMPTS = tuple(prompt for prompt in tiny_prompts(160) if prompt.type == "relation")
SAMPLING = Sampling(steps=STEPS, guidance_scale=3.0, seeds=1, batch_size=32, record_denoiser=False)
BATCH = cut_batches(PROMPTS, seeds=1, batch_size=3)[0]
ERASE = Intervention("erase", SLOT)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_pipeline(tmp_path_factory.mktemp("tiny") / "model")


@pytest.fixture(scope="module")
def model(folder: Path) -> LoadedModel:
    return load_model(str(folder), device="cpu")


@pytest.fixture
def own_model(folder: Path) -> LoadedModel:
    """One that the test may change."""
    return load_model(str(folder), device="cpu")


@pytest.fixture(scope="module")
def interventions(model: LoadedModel) -> TextInterventions:
    return TextInterventions.fit(model, PROMPTS, SAMPLING, seed=0)


def draw(model: LoadedModel, change: Any = None) -> np.ndarray:
    def sample() -> np.ndarray:
        return sample_batch(model, BATCH, steps=STEPS, guidance_scale=3.0).images

    if change is None:
        return sample()
    with change:
        return sample()


def test_a_slot_cannot_be_read_from_erased_states_of_prompts_that_were_not_fitted(
    interventions: TextInterventions,
) -> None:
    """Of the end token, which has seen all words; and the other slots can be read as before."""
    erasers, values = interventions.erasers, interventions.values(SLOT)
    station = Station("encoder_hidden_states", "text_encoder", Role("end"))
    x = torch.stack(erasers.read.vectors[station]).double()
    folds = [erasers.folds.of[p.composition] for p in PROMPTS]
    labels = {
        slot: [p.constituent(slot).value for p in PROMPTS]  # type: ignore[union-attr]
        for slot in (SLOT, "object_2.shape")
    }
    erased = {}
    for random in (False, True):
        own = [erasers.of(SLOT, station, fold, random=random) for fold in folds]
        erased[random] = torch.cat(
            [
                each.to(torch.float64).erase(row[None])
                for each, row in zip(own, x, strict=True)
                if each
            ]
        )

    def accuracy(vectors: torch.Tensor, slot: str) -> float:
        """Of prompts on which the probe was not fitted either."""
        right = 0
        for fold in range(erasers.folds.count):
            test = np.array(folds) == fold
            probe = RidgeClassifier(alpha=1e-3).fit(vectors[~test], np.array(labels[slot])[~test])
            right += (probe.predict(vectors[test]) == np.array(labels[slot])[test]).sum()
        return float(right / len(PROMPTS))

    chance = 1 / len(values)
    assert accuracy(x, SLOT) > chance + 0.3
    assert accuracy(erased[False], SLOT) < chance + 0.15
    assert accuracy(erased[True], SLOT) > chance + 0.25
    assert accuracy(erased[False], "object_2.shape") > accuracy(x, "object_2.shape") - 0.1


def test_the_pipelines_own_tensors_stay_as_they_are(
    model: LoadedModel, interventions: TextInterventions
) -> None:
    plain = draw(model)
    assert not np.array_equal(draw(model, interventions.applied(ERASE, BATCH, {})), plain)
    np.testing.assert_array_equal(draw(model), plain)
    assert not model.pipeline.unet._forward_pre_hooks
    assert "step" not in vars(model.pipeline.scheduler)


def test_the_same_seed_makes_the_same_images_whatever_the_order_and_size_of_batches(
    model: LoadedModel, interventions: TextInterventions
) -> None:
    shuffled = (*PROMPTS[40:], *PROMPTS[:40])
    other = TextInterventions.fit(model, shuffled, replace(SAMPLING, batch_size=7), seed=0)
    another = TextInterventions.fit(model, PROMPTS, SAMPLING, seed=1)
    random = Intervention("random", SLOT)
    one, two, three = (
        given(model, each.applied(random, BATCH, {})) for each in (interventions, other, another)
    )

    torch.testing.assert_close(one, two, atol=1e-4, rtol=1e-4)
    assert not torch.allclose(one, three, atol=1e-2, rtol=1e-2)


def given(model: LoadedModel, change: AbstractContextManager[None]) -> torch.Tensor:
    """What the denoiser is given at the first step."""
    calls: list[dict[str, Any]] = []
    with change, watching(model, calls.append):
        draw(model)
    states: torch.Tensor = calls[0]["encoder_hidden_states"]
    return states


def test_a_word_alone_is_the_same_whatever_words_are_around_it(
    model: LoadedModel, interventions: TextInterventions
) -> None:
    first = PROMPTS[0]
    others = [
        p for p in PROMPTS if p.text.split()[:2] == first.text.split()[:2] and p.text != first.text
    ]
    batch = batch_of([first, others[0]])
    text = interventions.text
    (argument,) = text.arguments
    given = read_given(model, batch, SAMPLING, text)
    alone = words_alone(model, batch, SAMPLING, text, (0, 1))(given)[argument]
    tokens = [given.states["text_encoder"].tokens[row] for row in (0, 1)]
    colour = [own.slots[SLOT] for own in tokens]
    shape = [own.slots["object_2.shape"] for own in tokens]

    assert colour[0] == colour[1]
    torch.testing.assert_close(alone[0][list(colour[0])], alone[1][list(colour[1])])
    # Encoded together, a later word knows the ones before it.
    plain = given.vectors[argument]
    swapped = read_vectors(model, batch_of([first, first]), SAMPLING, text)[argument]
    torch.testing.assert_close(swapped[0], plain[0])
    assert not torch.allclose(alone[0][list(shape[0])], plain[0][list(shape[0])], atol=1e-2)
    assert not torch.allclose(alone[0][list(shape[0])], alone[0][list(colour[0])][:1], atol=1e-2)


def test_a_step_that_is_given_other_states_stops_the_images(
    own_model: LoadedModel,
) -> None:
    interventions = TextInterventions.fit(own_model, PROMPTS, SAMPLING, seed=0)
    calls = []

    def drift(_: Any, args: Any, kwargs: dict[str, Any]) -> Any:
        calls.append(1)
        if len(calls) == 3:
            kwargs = {**kwargs, "encoder_hidden_states": kwargs["encoder_hidden_states"] + 1}
        return args, kwargs

    own_model.pipeline.unet.register_forward_pre_hook(drift, with_kwargs=True)
    with pytest.raises(
        ModelError, match="At step 2 the denoiser of StableDiffusionPipeline was not given"
    ):
        draw(own_model, interventions.applied(ERASE, BATCH, {}))


def test_a_denoiser_that_gets_nothing_of_the_text_is_refused(own_model: LoadedModel) -> None:
    norm = own_model.pipeline.text_encoder.final_layer_norm
    torch.nn.init.zeros_(norm.weight)
    with pytest.raises(ModelError, match="is given nothing that depends on the prompt"):
        TextInterventions.fit(own_model, PROMPTS, SAMPLING, seed=0)


def test_prompts_of_one_text_are_refused(model: LoadedModel) -> None:
    alike = [replace(PROMPTS[0], id=str(index)) for index in range(3)]
    with pytest.raises(ModelError, match="the same text"):
        TextInterventions.fit(model, alike, SAMPLING, seed=0)


def test_prompts_in_numbers_that_are_not_finite_are_left_out_and_drawn_as_they_are(
    own_model: LoadedModel,
) -> None:
    tokenizer, table = (
        own_model.pipeline.tokenizer,
        own_model.pipeline.text_encoder.embeddings,
    )
    shape = "star"
    token = tokenizer(shape, add_special_tokens=False)["input_ids"][0]
    table.token_embedding.weight.data[token] = torch.nan
    interventions = TextInterventions.fit(own_model, PROMPTS, SAMPLING, seed=0)
    damaged = [p for p in PROMPTS if shape in p.text]

    assert interventions.held == {p.id for p in PROMPTS} - {p.id for p in damaged}
    assert f"{len(damaged)} of {len(PROMPTS)} prompts are left out" in interventions.notes[-1]
    assert not any(interventions.changes(ERASE, each) for each in damaged)
    table.token_embedding.weight.data[:] = torch.nan
    with pytest.raises(ModelError, match="holds all the words of a prompt in finite numbers"):
        TextInterventions.fit(own_model, PROMPTS, SAMPLING, seed=0)


def test_prompts_that_are_cut_off_are_left_out(model: LoadedModel) -> None:
    long = [
        replace(p, text=f"{'a ' * 70}{p.text}", constituents=moved(p, 140)) for p in PROMPTS[:9]
    ]
    interventions = TextInterventions.fit(model, [*PROMPTS[9:], *long], SAMPLING, seed=0)

    assert interventions.held == {p.id for p in PROMPTS[9:]}
    assert f"9 of {len(PROMPTS)} prompts are left out" in interventions.notes[-1]
    both = batch_of([PROMPTS[10], long[0]])
    made = []
    for change in (nullcontext(), interventions.applied(ERASE, both, {})):
        with change:
            made.append(sample_batch(model, both, steps=STEPS, guidance_scale=3.0).images)
    assert [bool((one != two).any()) for one, two in zip(*made, strict=True)] == [True, False]


def moved(prompt: Prompt, by: int) -> Any:
    return tuple(replace(c, start=c.start + by, end=c.end + by) for c in prompt.constituents)


def test_a_slot_of_one_value_is_refused_and_the_others_go_on(model: LoadedModel) -> None:
    alike = [
        replace(
            p,
            constituents=tuple(
                replace(c, value="red") if c.slot == SLOT else c for c in p.constituents
            ),
        )
        for p in PROMPTS
    ]
    interventions = TextInterventions.fit(model, alike, SAMPLING, seed=0)

    assert interventions.refused == {
        SLOT: f"{SLOT} cannot be erased: it has the one value 'red' in these prompts, and needs two"
    }
    assert "relation" in interventions.slots
    with pytest.raises(ModelError, match="has the one value 'red'"):
        draw(model, interventions.applied(ERASE, BATCH, {}))


def test_a_value_with_too_few_prompts_is_named() -> None:
    few = [p for p in PROMPTS if p.constituent(SLOT).value != "red"]  # type: ignore[union-attr]
    reds = [p for p in PROMPTS if p.constituent(SLOT).value == "red"][:FEWEST_PER_VALUE]  # type: ignore[union-attr]
    refusal = CompositionFolds((*few, *reds), 0).refusal(SLOT)

    assert refusal is not None
    assert "its value 'red' has" in refusal
    assert f"where {FEWEST_PER_VALUE} are needed; give more prompts" in refusal
    assert CompositionFolds(tuple(PROMPTS), 0).refusal(SLOT) is None


def test_a_value_that_no_prompt_has_cannot_be_put(
    model: LoadedModel, interventions: TextInterventions
) -> None:
    steer = Intervention("steer", SLOT)
    with pytest.raises(ModelError, match="cannot be given the value 'pink', which no prompt has"):
        draw(model, interventions.applied(steer, BATCH, {p.id: "pink" for p in PROMPTS}))


def test_nothing_of_a_prompt_s_own_composition_is_in_what_it_is_changed_by() -> None:
    folds = CompositionFolds(tuple(PROMPTS), 0)
    sizes = np.bincount([folds.of[p.composition] for p in PROMPTS])

    assert len(sizes) == folds.count == 5
    assert {folds.of[p.composition] for p in PROMPTS} == set(range(5))
    assert sizes.max() - sizes.min() <= 0.2 * len(PROMPTS)
    assert CompositionFolds(tuple(reversed(PROMPTS)), 0).of == folds.of
    assert CompositionFolds(tuple(PROMPTS), 1).of != folds.of
