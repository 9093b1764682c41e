"""Every family of pipelines: what its denoiser is given can be changed, there and nowhere else."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from itertools import product
from typing import Any

import numpy as np
import pytest
import torch

from prompts.structure import Prompt
from prompts.world import Content, write
from t2i_audit.errors import ModelError
from t2i_audit.generation import cut_batches, sample_batch, sampling_defaults
from t2i_audit.generation.batches import Batch
from t2i_audit.generation.sampling import Sampling
from t2i_audit.interventions import Intervention, TextInterventions
from t2i_audit.interventions.arguments import at, leaves
from t2i_audit.interventions.calls import watching
from t2i_audit.interventions.replacing import replacing
from t2i_audit.models.loaded import LoadedModel
from t2i_audit.models.offload import is_offloaded
from tests.families.checkpoints import FAMILIES
from tests.families.loading import loaded_from
from tests.families.sampling import sampling_of
from tests.families.which import others_slow

COLOURS, SHAPES, RELATIONS = ("red", "blue"), ("star", "circle"), ("above", "left of")
SLOT = "object_2.colour"
# In these no word has vectors of its own: a prior or the pipeline itself mixes or scales them.
WITHOUT_WORDS = {"kandinsky-2.2", "bria-fibo", "bria-fibo-2"}
families = others_slow(FAMILIES)


def prompts_of_two_values() -> tuple[Prompt, ...]:
    """Two objects in every way, with two values a slot; and two prompts of a single object."""
    objects = list(product(COLOURS, SHAPES))
    pairs = [(a, b) for a, b in product(objects, objects) if a != b]
    two = [write(Content(pair, relation)) for pair, relation in product(pairs, RELATIONS)]
    one = [write(Content((each,))) for each in objects[:2]]
    return (two[0], *one, *two[1:])


PROMPTS = prompts_of_two_values()
BATCH = cut_batches(PROMPTS, seeds=1, batch_size=4)[0]
LACKING = (1, 2)  # rows of BATCH that do not have SLOT
_FITTED: dict[int, tuple[LoadedModel, TextInterventions]] = {}


def fitted(model: LoadedModel, name: str) -> TextInterventions:
    """Fitted once for each pipeline."""
    if id(model) not in _FITTED:
        _FITTED[id(model)] = (
            model,
            TextInterventions.fit(model, PROMPTS, sampling(model, name), seed=0),
        )
    return _FITTED[id(model)][1]


def sampling(model: LoadedModel, name: str) -> Sampling:
    return sampling_of(name, sampling_defaults(model).guidance_scale, batch_size=13)


def draw(
    model: LoadedModel,
    name: str,
    change: AbstractContextManager[None] | None = None,
    batch: Batch = BATCH,
) -> tuple[np.ndarray, list[dict[str, Any]]]:
    """The images of a batch, and what the denoiser is called with."""
    asked = sampling(model, name)
    calls: list[dict[str, Any]] = []
    with change or nothing(), watching(model, calls.append):
        made = sample_batch(
            model, batch, steps=2, guidance_scale=asked.guidance_scale, options=asked.options
        )
    return made.images, calls


@contextmanager
def nothing() -> Iterator[None]:
    yield


def targets(prompts: tuple[Prompt, ...]) -> dict[str, str]:
    """For every prompt with the slot the other of the two values."""
    parts = {prompt.id: prompt.constituent(SLOT) for prompt in prompts}
    return {key: "red" if part.value == "blue" else "blue" for key, part in parts.items() if part}


@families
def test_states_put_in_place_of_themselves_change_no_bit(name: str, family_model: Any) -> None:
    model: LoadedModel = family_model(name)
    plain, _ = draw(model, name)
    text = fitted(model, name).text
    copied = replacing(
        model,
        BATCH,
        text,
        lambda given: {a: [v.clone() for v in own] for a, own in given.vectors.items()},
    )

    np.testing.assert_array_equal(draw(model, name, copied)[0], plain)


@families
def test_erasure_changes_what_the_prompts_are_given_and_nothing_else(
    name: str, family_model: Any
) -> None:
    model: LoadedModel = family_model(name)
    interventions = fitted(model, name)
    plain, before = draw(model, name)
    erase = interventions.applied(Intervention("erase", SLOT), BATCH, {})
    changed, after = draw(model, name, erase)

    text = {each.path: each for each in interventions.text.arguments}
    first, image = interventions.text.call, next(iter(before[0]))
    for index in range(first + 1):  # up to here the image is the same noise
        for path, value in leaves(before[index]):
            other = at(after[index], path)
            argument = text.get(path)
            if argument is None or index < first:
                assert path[0] == image or equal(value, other), path
                continue
            for row in range(argument.count(value)):
                same = equal(argument.part(value, row, 1), argument.part(other, row, 1))
                part, own = divmod(row, len(BATCH.items))
                if part == interventions.text.part:
                    assert same == (own in LACKING), (path, row)
                elif not perturbed(name):
                    assert same, (path, row)
    assert (changed != plain).any(axis=(1, 2, 3)).sum() >= 1
    # Every later step is given the very same text.
    for calls in (before, after):
        held = [at(each, path) for path in text for each in calls[first:]]
        assert all(value is not None for value in held)


def perturbed(name: str) -> bool:
    """Whether the last part of a guided batch holds the prompts once more."""
    return name.endswith("-pag")


def equal(one: Any, two: Any) -> bool:
    if isinstance(one, torch.Tensor):
        return isinstance(two, torch.Tensor) and one.shape == two.shape and torch.equal(one, two)
    return len(one) == len(two) and all(equal(a, b) for a, b in zip(one, two, strict=True))


@families
def test_each_kind_of_change_draws_another_image(name: str, family_model: Any) -> None:
    model: LoadedModel = family_model(name)
    interventions = fitted(model, name)
    assert set(interventions.slots) == {part.slot for part in PROMPTS[0].constituents}
    seen = [draw(model, name)[1]]
    kinds = ["erase", "random", "steer"]
    if name in WITHOUT_WORDS:
        with pytest.raises(
            ModelError, match="Words cannot be encoded by themselves: the denoiser of"
        ):
            draw(model, name, interventions.applied(Intervention("context"), BATCH, {}))
    else:
        kinds.append("context")
    for kind in kinds:
        slot = "" if kind == "context" else SLOT
        change = interventions.applied(Intervention(kind, slot), BATCH, targets(PROMPTS))  # type: ignore[arg-type]
        seen.append(draw(model, name, change)[1])

    argument, first = interventions.text.arguments[0], interventions.text.call
    given = [
        argument.part(at(calls[first], argument.path), interventions.text.part, 4) for calls in seen
    ]
    for index, one in enumerate(given):
        assert not any(equal(one, other) for other in given[:index])


@pytest.mark.parametrize("how", ["model", "spread"])
@pytest.mark.parametrize("name", ["stable-diffusion-xl", "flux-1"])
def test_networks_that_are_moved_by_hooks_draw_the_same_changed_images(
    name: str, how: str, family_folder: Any
) -> None:
    """With the CPU in the accelerator's place."""
    from accelerate import dispatch_model

    model = loaded_from(family_folder(name), name)
    expected = drawn_with_erasure(model, name)
    if how == "spread":
        for component in ("text_encoder", "text_encoder_2", model.adapter.denoiser):
            dispatch_model(model.pipeline.components[component], {"": "cpu"}, force_hooks=True)
    else:
        model.pipeline.enable_model_cpu_offload(device="cpu")
        assert is_offloaded(model.pipeline)
    found = drawn_with_erasure(model, name)

    assert hasattr(model.adapter.denoiser_network, "_hf_hook")
    np.testing.assert_array_equal(found, expected)


def drawn_with_erasure(model: LoadedModel, name: str) -> np.ndarray:
    interventions = TextInterventions.fit(model, PROMPTS, sampling(model, name), seed=0)
    return draw(model, name, interventions.applied(Intervention("erase", SLOT), BATCH, {}))[0]


def test_it_is_said_that_a_second_stage_is_given_the_text_as_it_is(family_model: Any) -> None:
    model: LoadedModel = family_model("stable-cascade")
    (note,) = fitted(model, "stable-cascade").notes

    assert note == (
        "The second stage of StableCascadeCombinedPipeline, which adds detail, is given the text "
        "as it is: it is changed for the first stage alone."
    )


@pytest.mark.parametrize("in_place", [True, pytest.param(False, marks=pytest.mark.slow)])
def test_a_compiled_denoiser_is_given_the_changed_text(in_place: bool, family_model: Any) -> None:
    from dataclasses import replace

    name = "stable-diffusion-1"
    model: LoadedModel = family_model(name)
    expected, _ = draw(
        model, name, fitted(model, name).applied(Intervention("erase", SLOT), BATCH, {})
    )
    denoiser = model.pipeline.unet
    if in_place:
        denoiser.compile(backend="eager")
    else:
        model.pipeline.unet = torch.compile(denoiser, backend="eager")
    try:
        compiled = replace(model)
        draw(compiled, name)  # compiled without hooks
        interventions = TextInterventions.fit(compiled, PROMPTS, sampling(model, name), seed=0)
        changed, _ = draw(
            compiled, name, interventions.applied(Intervention("erase", SLOT), BATCH, {})
        )
    finally:
        model.pipeline.unet = denoiser
        denoiser._compiled_call_impl = None

    np.testing.assert_allclose(changed.astype(int), expected.astype(int), atol=2)
