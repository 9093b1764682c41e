"""The table of recipes: every generator of the study, with all of its seeds.

A training is taken further from step to step, and its weights at each of its steps are one
generator. All trainings share the frozen text encoder and the autoencoder of ``builtin:sound``.
"""

from __future__ import annotations

from dataclasses import dataclass

from scripts.scaling.support import (
    DISCONNECTED,
    FULL,
    NARROW,
    NO_ORANGE,
    RING,
    Support,
)
from scripts.training.generator import Phase
from scripts.training.loop import Schedule

LEARNING_RATE = 2e-3
TINY, SMALL, MEDIUM, LARGE = (16, 32), (32, 64), (48, 96), (64, 128)


@dataclass(frozen=True)
class Training:
    """One training, from data to weights."""

    name: str
    support: Support
    pictures: int
    """Images that are drawn for it; each caption is drawn once."""
    seed: int
    """Of the weights; pictures have `seed` + 1,000, and batches `seed` + 2,000."""
    compositions: int | None = None
    """Distinct contents among its captions, whatever their wording; None draws each caption anew
    from all that the support allows."""
    widths: tuple[int, int] = SMALL
    """Channels of the UNet at 8 x 8 and at 4 x 4."""
    steps: tuple[int, ...] = (1000, 2400)
    """After how many steps its weights are generators of the study; the last is its length."""
    high_noise_share: float = 0.2
    """As in `Phase`; relations are learnt from high noise, colours and shapes from less."""

    @property
    def phase(self) -> Phase:
        """How the UNet is trained."""
        schedule = Schedule(self.steps[-1], LEARNING_RATE, warmup=200, ema_decay=0.99)
        return Phase(schedule, self.seed + 2000, self.high_noise_share)

    @property
    def pictures_seed(self) -> int:
        """Of captions and scenes."""
        return self.seed + 1000


@dataclass(frozen=True)
class Generator:
    """The weights of a training after some of its steps; one resumable job."""

    training: Training
    step: int

    @property
    def name(self) -> str:
        """E.g. ``full-small-4000``."""
        return f"{self.training.name}-{self.step}"

    @property
    def earlier(self) -> tuple[Generator, ...]:
        """The generators of the same training at its earlier steps, the latest first."""
        steps = sorted((each for each in self.training.steps if each < self.step), reverse=True)
        return tuple(Generator(self.training, each) for each in steps)


# In the order in which the jobs are worth most: what differs most comes first.
TRAININGS = (
    Training("full-small", FULL, 10_000, seed=1, steps=(1000, 2000, 4000), high_noise_share=0.5),
    Training("hundred-small", FULL, 10_000, seed=2, compositions=100),
    Training("disconnected-small", DISCONNECTED, 10_000, seed=3),
    Training("full-tiny", FULL, 10_000, seed=4, widths=TINY),
    Training("no-orange-small", NO_ORANGE, 10_000, seed=5),
    Training("full-small-short", FULL, 10_000, seed=6),
    Training("narrow-small", NARROW, 10_000, seed=7),
    Training("few-pictures-small", FULL, 500, seed=8),
    Training("full-medium", FULL, 10_000, seed=9, widths=MEDIUM),
    Training("four-hundred-small", FULL, 10_000, seed=10, compositions=400),
    Training("ring-small", RING, 10_000, seed=11),
    Training("hundred-tiny", FULL, 10_000, seed=12, compositions=100, widths=TINY),
    Training("full-large", FULL, 10_000, seed=13, widths=LARGE),
    Training("hundred-medium", FULL, 10_000, seed=14, compositions=100, widths=MEDIUM),
)
GENERATORS = tuple(Generator(training, step) for training in TRAININGS for step in training.steps)
