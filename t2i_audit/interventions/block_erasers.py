"""The erasers of what a denoiser's blocks hold, fitted across folds of compositions."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from t2i_audit.generation.noise import generator_of
from t2i_audit.interventions.block_states import Part
from t2i_audit.interventions.folds import CompositionFolds
from t2i_audit.interventions.intervention import Intervention
from t2i_audit.interventions.leace import LinearEraser, Whitening
from t2i_audit.results.use import Kind

if TYPE_CHECKING:
    import torch

# Steps in which erasers are fitted, spread evenly. What a block holds changes from step to step, so
# that erasers of a distant step break the image whatever they erase: with the two steps that a run
# records, 0 and a third of the way, a random subspace of the last block takes a colour of `sound`
# from .99 to .49, and with every step's own to .97.
FITTED = 8
# Prompts by which tokens of one role have erasers of their own; those of a rarer one stay as is.
FEWEST_PROMPTS = 30

Held = dict[tuple[str, int], dict[Part, dict[str, "torch.Tensor"]]]
"""Block and fitted step -> part -> prompt id -> the mean of its vectors ``(c,)``."""
Erasers = dict[tuple[int, Part, int], LinearEraser]
"""By fitted step, part and fold."""


def fitted_steps(steps: int) -> tuple[int, ...]:
    """Those of `steps` sampling steps in which erasers are fitted: `FITTED`, or all of fewer."""
    count = min(FITTED, steps)
    return tuple(round(index * (steps - 1) / max(1, count - 1)) for index in range(count))


@dataclass(eq=False)
class BlockErasers:
    """Erasers of every slot and block, fitted when they are first asked for.

    Those of the last slot and block alone are kept.
    """

    folds: CompositionFolds
    """Of the prompts."""
    held: Held
    seed: int
    device: torch.device
    _kept: dict[Intervention, Erasers] = field(default_factory=dict)

    def of(self, intervention: Intervention) -> Erasers:
        """Those of one slot at one block; of ``steer`` they are those of ``erase``."""
        kind: Kind = "random" if intervention.kind == "random" else "erase"
        key = replace(intervention, kind=kind)
        if key not in self._kept:
            if any((each.slot, each.site) != (key.slot, key.site) for each in self._kept):
                self._kept.clear()
            self._kept[key] = self._fit(key)
        return self._kept[key]

    def nearest(self, step: int) -> int:
        """The fitted step that is nearest to `step`."""
        return min(sorted({own for _, own in self.held}), key=lambda own: abs(own - step))

    def _fit(self, key: Intervention) -> Erasers:
        import torch

        values = self.folds.values(key.slot)
        known = {prompt.id: prompt for prompt in self.folds.prompts}
        fitted: Erasers = {}
        for (block, step), parts in self.held.items():
            for part, means in parts.items() if block == key.site else ():
                own = [
                    (mean, values.index(slot.value), self.folds.of[known[name].composition])
                    for name, mean in means.items()
                    if (slot := known[name].constituent(key.slot)) is not None
                ]
                for fold in range(self.folds.count):
                    train = [(mean, value) for mean, value, held_out in own if held_out != fold]
                    labels = [value for _, value in train]
                    is_rare = part.encoder != "" and len(train) < FEWEST_PROMPTS
                    if is_rare or len(set(labels)) < 2:
                        continue
                    whitening = Whitening.of(torch.stack([mean for mean, _ in train]))
                    eraser = whitening.eraser(torch.tensor(labels), len(values))
                    if key.kind == "random":
                        rng = generator_of(self.seed, key.slot, block, step, part, fold)
                        eraser = whitening.random(eraser.rank, rng)
                    fitted[step, part, fold] = eraser.to(self.device, torch.float32)
        return fitted
