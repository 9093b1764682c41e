"""Folds hold out whole compositions."""

from __future__ import annotations

import numpy as np
import pytest

from prompts.structure import Prompt
from prompts.suite import load_suite
from t2i_audit.probes.features import slot_targets
from t2i_audit.probes.folds import Fold, composition_folds


@pytest.fixture(scope="module")
def prompts() -> tuple[Prompt, ...]:
    return load_suite("world").prompts


@pytest.fixture(scope="module")
def folds(prompts: tuple[Prompt, ...]) -> tuple[Fold, ...]:
    return composition_folds(prompts, seed=0)


def objects(prompt: Prompt) -> set[tuple[str, str]]:
    """Colour and shape of each object, read from the prompt's words."""
    words = prompt.text.split()
    shapes = {"circle", "square", "triangle", "diamond", "cross", "star"}
    return {(words[i - 1], word) for i, word in enumerate(words) if word in shapes}


def test_a_tested_objects_pair_never_occurs_in_the_training_prompts(
    prompts: tuple[Prompt, ...], folds: tuple[Fold, ...]
) -> None:
    for target in slot_targets(prompts):
        entity = target.name.split(".")[0]
        for fold in folds:
            known = set().union(
                *(objects(p) for p, t in zip(prompts, fold.train, strict=True) if t)
            )
            for prompt, tested in zip(prompts, fold.test(target), strict=True):
                if not tested:
                    continue
                colour, shape = (
                    prompt.constituent(f"{entity}.{part}") for part in ("colour", "shape")
                )
                if colour is not None and shape is not None:
                    assert (colour.value, shape.value) not in known
                else:
                    assert not objects(prompt) & known


def test_every_prompt_is_tested_for_each_of_its_slots(
    prompts: tuple[Prompt, ...], folds: tuple[Fold, ...]
) -> None:
    for target in slot_targets(prompts):
        tests = np.sum([fold.test(target) for fold in folds], axis=0)
        assert (tests[target.labels >= 0] >= 1).all(), target.name
        assert not tests[target.labels < 0].any()


def test_every_value_is_trained_on_in_every_fold(
    prompts: tuple[Prompt, ...], folds: tuple[Fold, ...]
) -> None:
    for target in slot_targets(prompts):
        for fold in folds:
            seen = set(target.labels[fold.train].tolist()) - {-1}
            assert seen == set(range(len(target.classes))), target.name


def test_folds_come_from_the_seed_alone(prompts: tuple[Prompt, ...]) -> None:
    held = [
        {fold.held_out for fold in composition_folds(rows, seed=seed)}
        for rows, seed in ((prompts, 0), (prompts[::-1], 0), (prompts, 1))
    ]

    assert held[0] == held[1] != held[2]
