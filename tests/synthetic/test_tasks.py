"""The task families against slow independent implementations."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from synthetic.streams import stream
from synthetic.tasks.codes import draw_codes
from synthetic.tasks.hierarchy import Hierarchy
from synthetic.tasks.hyperteacher import Hyperteacher
from synthetic.tasks.preference import (
    DISCOUNT,
    MOVES,
    ROOMS,
    SWEEPS,
    Preference,
    action_values,
    free_cells,
)
from synthetic.tasks.supports import masks
from t2i_audit.errors import AuditError

World = tuple[dict[int, tuple[int, int]], dict[int, float]]


def plain_values(objects: dict[int, tuple[int, int]], rewards: dict[int, float]):  # type: ignore[no-untyped-def]
    """Value iteration state by state, on (cell, frozenset of objects left)."""
    subsets = [
        frozenset(left)
        for size in range(len(objects) + 1)
        for left in itertools.combinations(objects, size)
    ]
    states = [(cell, left) for cell in free_cells() for left in subsets]

    def step(state, action):  # type: ignore[no-untyped-def]
        (row, column), left = state
        down, right = MOVES[action]
        target = (row + down, column + right)
        if ROOMS[target[0]][target[1]] == "#":
            target = (row, column)
        picked = {name for name in left if objects[name] == target}
        return (target, left - picked), sum(rewards[name] for name in picked)

    values = {state: [0.0] * len(MOVES) for state in states}
    for _ in range(SWEEPS):
        values = {
            state: [
                reward + DISCOUNT * max(values[target])
                for target, reward in (step(state, action) for action in range(len(MOVES)))
            ]
            for state in states
        }
    return values


def test_value_iteration_is_that_of_a_loop_over_states() -> None:
    rng = np.random.default_rng(0)
    cells = free_cells()
    places = np.stack([rng.permutation(len(cells))[:3] for _ in range(3)])
    # Two objects may lie in one cell here, though worlds are not drawn that way.
    places[2, 1] = places[2, 0]
    rewards = rng.normal(size=(3, 3)).astype(np.float32)

    ours = action_values(torch.tensor(places), torch.tensor(rewards))

    for world in range(3):
        objects = {name: cells[places[world, name]] for name in range(3)}
        plain = plain_values(objects, {name: float(rewards[world, name]) for name in range(3)})
        for (cell, left), values in plain.items():
            bits = sum(1 << name for name in left)
            np.testing.assert_allclose(ours[world, cells.index(cell), bits], values, atol=1e-5)


def test_the_expert_walks_to_the_reward_and_then_rests() -> None:
    family = Preference.of([0], modules=2, active=1, features=4)
    codes = draw_codes("k-hot", [masks(family.compositions, 2)], 64, [stream(0, "a")])
    drawn = family.sample(codes, 8, [stream(0, "b")])

    assert drawn.inputs.shape == (1, 64, 8, family.input_size)
    ended = (drawn.targets == -1)[0].numpy()
    # A walk that has ended stays so, and the last action is to rest.
    assert (np.diff(ended.astype(int), axis=1) >= 0).all()
    first = ended.argmax(axis=1)
    for task in np.flatnonzero(ended.any(axis=1)):
        assert int(drawn.targets[0, task, first[task] - 1]) == 0


def test_the_hyperteacher_is_its_formula() -> None:
    family = Hyperteacher.of(
        [3, 4], modules=5, active=2, input_size=3, hidden_size=4, output_size=2
    )
    codes = draw_codes("discrete", [masks(family.compositions, 5)] * 2, 6, [stream(0, "a")] * 2)
    drawn = family.sample(codes, 7, [stream(1, "b"), stream(2, "b")])

    for member, task, sample in itertools.product(range(2), range(6), range(7)):
        x = drawn.inputs[member, task, sample].double().numpy()
        hidden = np.zeros(4)
        for m in range(5):
            theta, b = (one[member, m].double().numpy() for one in (family.weights, family.biases))
            hidden += float(codes[member, task, m]) / math.sqrt(2) * (theta.T @ x + b)
        expected = family.readout[member].double().numpy().T @ np.maximum(hidden, 0)
        np.testing.assert_allclose(drawn.targets[member, task, sample], expected, atol=1e-5)


def test_a_members_tasks_do_not_depend_on_the_other_members() -> None:
    alone = Hyperteacher.of([4], modules=4, active=2, input_size=3, hidden_size=3, output_size=2)
    beside = Hyperteacher.of(
        [3, 4], modules=4, active=2, input_size=3, hidden_size=3, output_size=2
    )

    np.testing.assert_array_equal(alone.weights[0], beside.weights[1])


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000), levels=st.integers(2, 3))
def test_a_sequence_is_parsed_back_to_its_latent_symbols(seed: int, levels: int) -> None:
    family = Hierarchy.of([seed], levels=levels, symbols=4, synonyms=2)
    rng = stream(seed, "a")
    codes = draw_codes("k-hot", [masks(family.compositions, family.modules)], 8, [rng])
    drawn = family.sample(codes, 3, [rng])

    for task in range(8):
        row = drawn.inputs[0, task, -1].view(-1, 4).argmax(dim=1).tolist()
        found: list[int] = []
        for level in reversed(range(levels)):
            symbol_of = {
                tuple(family.rules[0, level, symbol, synonym].tolist()): symbol
                for symbol in range(4)
                for synonym in range(2)
            }
            row = [symbol_of[row[i], row[i + 1]] for i in range(0, len(row), 2)]
            found = row + found
        assert found[0] == int(drawn.targets[0, task, -1])
        assert found[1:] == drawn.constituents[0, task].tolist()


def test_too_many_synonyms_are_refused() -> None:
    with pytest.raises(AuditError, match="lower --active"):
        Hierarchy.of([0], levels=2, symbols=3, synonyms=4)
