"""3: whether the probe's probabilities are what they say, on pairs that it has not seen."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from scripts.simulations.audited import confidences_of
from scripts.simulations.cells import Cell, Figure, Goal, Kept
from scripts.simulations.features import GRADED, Code, PairCode, Written, blocks_of
from scripts.simulations.sections.probes import SLOTS, bag, memory, merged
from scripts.simulations.worlds import sample_world
from t2i_audit.analysis.reliability import expected_error

DRAWS = 10
ERROR, CONFIDENCE, ACCURACY = "expected calibration error", "mean confidence", "accuracy"
USUAL, TRAPPED = Goal(0.0, 0.03), Goal(0.0, 0.06)


@dataclass(frozen=True)
class Calibration:
    """The confidence in the most probable value against how often that value is right."""

    code: Callable[[int], Sequence[Code]]
    prompts: int

    def __call__(self, rng: np.random.Generator) -> dict[str, Kept]:
        world = sample_world(self.prompts, rng)
        codes = self.code(int(rng.integers(2**31)))
        blocks = blocks_of(codes, world.prompts, rng, SLOTS)
        said, right = confidences_of(world.prompts, blocks, seed=int(rng.integers(2**31)))
        return {
            ERROR: expected_error(said, right, np.ones(len(said))),
            CONFIDENCE: float(said.mean()),
            ACCURACY: float(right.mean()),
        }


def graded(seed: int) -> list[Code]:
    """A part can be read."""
    return [Written(seed, GRADED)]


def trapped(seed: int) -> list[Code]:
    """The same beside a place that memorises pairs."""
    return [Written(seed, GRADED), PairCode(seed)]


def cells() -> Iterator[Cell]:
    """The cells of the table: code, prompts, goal, and what was measured before."""
    table: list[tuple[str, Callable[[int], Sequence[Code]], int, Goal, float | None]] = [
        ("merged colours", merged, 480, USUAL, 0.08),
        ("graded signal", graded, 60, TRAPPED, 0.067),
        ("graded signal", graded, 240, USUAL, 0.097),
        ("words without order", bag, 60, TRAPPED, 0.087),
        ("words without order", bag, 240, USUAL, 0.152),
        ("graded signal and memorised pairs", trapped, 60, TRAPPED, 0.150),
        ("graded signal and memorised pairs", trapped, 240, TRAPPED, 0.335),
        ("memorised pairs", memory, 60, TRAPPED, 0.261),
        ("memorised pairs", memory, 240, TRAPPED, 0.531),
    ]
    for name, code, prompts, goal, old in table:
        figures = (
            Figure(ERROR, "value", goal, old),
            Figure(CONFIDENCE, "value"),
            Figure(ACCURACY, "value"),
        )
        yield Cell("3", f"calibration, {name}, {prompts} prompts", DRAWS,
                   Calibration(code, prompts), figures)  # fmt: skip
