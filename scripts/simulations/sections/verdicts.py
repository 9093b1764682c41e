"""3: the verdict on a slot, which should not depend on the suite's size."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from scripts.simulations.audited import station_of
from scripts.simulations.cells import NEVER, Cell, Figure, Goal, Kept
from scripts.simulations.features import GRADED, Code, Noise, Written, blocks_of
from scripts.simulations.sections.probes import COLOURS, SLOTS, bag, merged, nothing, perfect
from scripts.simulations.worlds import first_of, sample_world
from t2i_audit.settings.defaults import DEFAULT_RANDOM_WEIGHTS

DRAWS = 12
SIZES = (60, 120, 240, 480)
COMPARED = (120, 240, 480)
SAME = "the same at 120, 240 and 480 prompts"
OPPOSED = "lost at one size and decodable at another"
DECODABLE = ("kept", "saturated", "below random weights")
MOSTLY = Goal(0.9, 1.0)


@dataclass(frozen=True)
class Sizes:
    """The verdict on states that `code` makes, from the first prompts of a suite and from all."""

    code: Callable[[int], Sequence[Code]]
    slot: str
    sizes: tuple[int, ...] = SIZES

    def __call__(self, rng: np.random.Generator) -> dict[str, Kept]:
        world = sample_world(max(self.sizes), rng)
        vectors, seed = (int(rng.integers(2**31)) for _ in range(2))
        found = {}
        for size in self.sizes:
            part = first_of(world, size)
            own = blocks_of(
                self.code(vectors), part.prompts, np.random.default_rng(seed), [self.slot]
            )
            # Random weights from which a part can be read.
            drawn = [
                blocks_of([Written(vectors + draw, GRADED)], part.prompts, rng, [self.slot])
                for draw in range(1, 1 + DEFAULT_RANDOM_WEIGHTS)
            ]
            found[size] = station_of(part.prompts, own, drawn, seed=seed).slots[self.slot].verdict
        kept: dict[str, Kept] = {
            f"{verdict}, {size} prompts": float(found[size] == verdict)
            for size in self.sizes
            for verdict in ("kept", "lost", "unclear")
        }
        kept[SAME] = float(len({found[size] for size in COMPARED}) == 1)
        kept[OPPOSED] = float(opposed({found[size] for size in COMPARED}))
        return kept


def opposed(verdicts: Collection[str]) -> bool:
    """Whether one of `verdicts` says lost and another decodable."""
    return "lost" in verdicts and any(verdict in DECODABLE for verdict in verdicts)


@dataclass(frozen=True)
class Beside:
    """The verdict on states that `own` makes beside random weights that write as `random` does."""

    own: Code
    random: Code
    prompts: int
    draws: int = DEFAULT_RANDOM_WEIGHTS

    def __call__(self, rng: np.random.Generator) -> dict[str, Kept]:
        world = sample_world(self.prompts, rng)
        own = blocks_of([self.own], world.prompts, rng)
        drawn = [blocks_of([self.random], world.prompts, rng) for _ in range(self.draws)]
        found = station_of(world.prompts, own, drawn, seed=int(rng.integers(2**31)))
        verdicts = [found.slots[slot].verdict for slot in SLOTS]
        return {
            verdict: float(np.mean([each == verdict for each in verdicts]))
            for verdict in ("kept", "lost", "unclear", "saturated", "below random weights")
        }


def cells() -> Iterator[Cell]:
    """The cells of the table."""
    # The wrong verdict is never given, and the right one mostly.
    table: list[
        tuple[str, Callable[[int], Sequence[Code]], str, str | None, str, dict[int, float]]
    ] = [
        ("merged", merged, COLOURS[0], None, "lost", {60: 0.317, 120: 0.033, 240: 0.05, 480: 0.54}),
        ("perfect", perfect, SLOTS[1], "kept", "lost", {60: 0.0, 120: 0.0, 240: 0.0, 480: 0.0}),
        ("words without order", bag, SLOTS[0], "lost", "kept", {}),
        ("noise", nothing, SLOTS[0], "lost", "kept", {60: 0.0, 120: 0.0}),
    ]
    for name, code, slot, right, wrong, old in table:
        figures = [Figure(SAME, "rate", MOSTLY), Figure(OPPOSED, "rate", NEVER)]
        for size in SIZES:
            never = NEVER if code is not merged else None
            figures.append(Figure(f"{wrong}, {size} prompts", "rate", never, old.get(size)))
            if right:
                goal = MOSTLY if size > min(SIZES) else None
                figures.append(Figure(f"{right}, {size} prompts", "rate", goal))
            else:
                figures.append(Figure(f"unclear, {size} prompts", "rate"))
        yield Cell("3", f"verdict on {name}", DRAWS, Sizes(code, slot), tuple(figures))
    yield Cell(
        "3",
        "as well read with random weights, 60 prompts",
        DRAWS,
        Beside(Written(11), Written(12), 60),
        (Figure("kept", "rate", Goal(0.0, 0.05), 0.10),),
    )
    yield Cell(
        "3",
        "as well read with random weights, 480 prompts",
        DRAWS,
        Beside(Written(11), Written(12), 480),
        (Figure("kept", "rate", Goal(0.0, 0.05)), Figure("saturated", "rate", MOSTLY)),
    )
    yield Cell(
        "3",
        "better read with random weights, 480 prompts",
        DRAWS,
        Beside(Written(11, 0.24), Written(12), 480),
        (
            Figure("saturated", "rate", NEVER, 1.0),
            Figure("below random weights", "rate", MOSTLY),
        ),
    )
    yield Cell(
        "3",
        "well read, not at all with random weights, 120 prompts",
        DRAWS,
        Beside(Written(11), Noise(), 120),
        (Figure("kept", "rate", MOSTLY, 1.0),),
    )
