"""3: the text encoder of the built-in checkpoint `patchy`, in which two colours are one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import numpy as np

from prompts.structure import Prompt
from prompts.suite import load_suite
from scripts.simulations.audited import station_of
from scripts.simulations.cells import NEVER, Cell, Figure, Goal, Kept
from scripts.simulations.features import block_of
from scripts.simulations.sections.probes import COLOURS
from scripts.simulations.sections.verdicts import OPPOSED, SAME, opposed

DRAWS = 10
SIZES = (120, 240, 480)
SUITE, CHECKPOINT = "world-relations", "builtin:patchy"
LAYER, POSITION = "block_2", "eos"
TRUTH = Goal(5 / 6 - 0.03, 5 / 6 + 0.03)


@cache
def states() -> tuple[tuple[Prompt, ...], np.ndarray]:
    """The suite's prompts and the encoder's states at their ends, ``(n, d)``."""
    from t2i_audit.activations.text.encode import encode_suite
    from t2i_audit.models import load_model

    prompts = load_suite(SUITE).prompts
    encoded = encode_suite(load_model(CHECKPOINT, device="cpu"), prompts, batch_size=64)
    (found,) = (
        each.values for each in encoded.features if (each.layer, each.position) == (LAYER, POSITION)
    )
    return prompts, np.asarray(found, dtype=np.float64)


@dataclass(frozen=True)
class BuiltIn:
    """The colours read with other folds and from other prompts of the suite in every draw."""

    def __call__(self, rng: np.random.Generator) -> dict[str, Kept]:
        prompts, values = states()
        order, seed = rng.permutation(len(prompts)), int(rng.integers(2**31))
        kept: dict[str, Kept] = {}
        verdicts: dict[str, set[str]] = {slot: set() for slot in COLOURS}
        for size in SIZES:
            rows = order[:size]
            block = block_of(values[rows], name=LAYER, slots=COLOURS)
            found = station_of([prompts[row] for row in rows], [block], seed=seed).slots
            own = [found[slot].balanced_accuracy.estimate for slot in COLOURS]
            kept[f"decoded, {size} prompts"] = float(np.mean(own))
            for slot in COLOURS:
                verdicts[slot].add(found[slot].verdict)
        kept[SAME] = float(np.mean([len(each) == 1 for each in verdicts.values()]))
        kept[OPPOSED] = float(any(map(opposed, verdicts.values())))
        return kept


def cells() -> Iterator[Cell]:
    """The cell of the table; what was measured before is of one order of the prompts."""
    figures = [
        Figure(f"decoded, {size} prompts", "value", TRUTH, 0.752 if size == 480 else None)
        for size in SIZES
    ]
    figures.append(Figure(SAME, "rate", Goal(0.9, 1.0)))
    figures.append(Figure(OPPOSED, "rate", NEVER, 1.0))
    yield Cell("3", "colours in the text encoder of patchy", DRAWS, BuiltIn(), tuple(figures))
