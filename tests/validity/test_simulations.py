"""A small part of `scripts/validity.py`: figures of known truth that a change must not spoil.

Seeds are fixed, so a test either always passes or always fails. Of some draws a figure is only
known within its Monte-Carlo error; a test fails where its interval does not reach the goal, but
for goals of which `scripts/simulations/stated.py` says why they are missed.
"""

from __future__ import annotations

import pytest

from scripts.simulations.cells import measure
from scripts.simulations.running import draw
from scripts.simulations.sections import all_cells
from scripts.simulations.stated import reason_of
from tests.slow import with_slow

SEED = 15
# Cell -> draws: as few as show the faults that were found in b930cec.
CELLS = {
    "1a 15 compositions, rate 0.5, correlation 0.0": 100,
    "1a 60 compositions, rate 0.97, correlation 0.1": 200,
    "1b world-relations, rate 0.5, pair effects of sd 1.0": 60,
    "1c 60 compositions, rate 0.016, 2 seeds": 60,
    "1g 4 runs, correlation 0.95": 100,
    "1h 5 equal models, 40 compositions x 4": 200,
    "2 world-relations, pair effects of sd 1": 40,
    "2 2 blurred and 2 failing colours of 6": 40,
    "3 two of six colours merged, 240 prompts": 3,
    "3 words without order, 240 prompts": 3,
    "3 noise, 24 prompts": 3,
    "3 perfect, 24 prompts": 3,
    "3 calibration, merged colours, 480 prompts": 2,
    "3 a place that memorises, 240 prompts": 3,
    "4 planted: encoder, 4 seeds": 5,
    "4 planted: encoder and rare failures, 8 seeds": 5,
    "4 planted: chance, 2 seeds": 5,
    "4 planted: chance, 4 seeds": 5,
    "4 planted: denoiser, 8 seeds": 5,
    "4 tie, 60 failing prompts": 100,
    "4 one model at 2 to 8 seeds": 5,
    "5 60 prompts x 2 seeds, rate 0.97, ICC 0.4": 60,
    "5 240 prompts x 2 seeds, rate 0.97, ICC 0.0": 40,
    "6 60 compositions, 2 seeds, rate 0.5": 200,
    "6 240 compositions, 1 seed, rate 0.05": 200,
    "6 60 compositions of 4 prompts, 2 seeds, rate 0.95": 200,
    "6 240 compositions, 2 seeds, 0.85 to 0.95": 200,
    "6 240 compositions, 2 seeds, 0.5 to 0.55, power": 200,
    "6 two sets of seeds of builtin:sound": 200,
}


# Each takes ten seconds and more.
LONG = {
    "1c 60 compositions, rate 0.016, 2 seeds",
    "2 world-relations, pair effects of sd 1",
    "2 2 blurred and 2 failing colours of 6",
    "3 a place that memorises, 240 prompts",
    "5 60 prompts x 2 seeds, rate 0.97, ICC 0.4",
}


@pytest.mark.parametrize("key", with_slow(CELLS, LONG.__contains__))
def test_a_figure_of_known_truth_reaches_its_goal(key: str) -> None:
    draws, _ = draw(key, range(CELLS[key]), seed=SEED)
    found = [measure(figure, draws) for figure in all_cells()[key].figures]

    missed = {
        each.figure.name: (each.estimate, each.error)
        for each in found
        if each.is_missed and reason_of(f"{key}: {each.figure.name}") is None
    }

    assert not missed
