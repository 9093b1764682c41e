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

STEPS = 4000
LEARNING_RATE = 2e-3
SMALL, MEDIUM, LARGE = (32, 64), (48, 96), (64, 128)


@dataclass(frozen=True)
class Training:
    """One training, from data to weights."""

    name: str
    support: Support
    pictures: int
    """Images that are drawn for it; each caption is drawn once."""
    seed: int
    """Of the weights; that of the pictures is `seed` + 1,000, that of the batches `seed` + 2,000."""
    compositions: int | None = None
    """Distinct contents among its captions, whatever their wording; None draws each caption anew
    from all that the support allows."""
    widths: tuple[int, int] = SMALL
    """Channels of the UNet at 8 x 8 and at 4 x 4."""
    steps: tuple[int, ...] = (1000, 2000, STEPS)
    """After how many steps its weights are generators of the study; the last is its length."""

    @property
    def phase(self) -> Phase:
        """How the UNet is trained: batches of 32, half of the timesteps from high noise."""
        schedule = Schedule(self.steps[-1], LEARNING_RATE, warmup=200, ema_decay=0.99)
        return Phase(schedule, seed=self.seed + 2000, high_noise_share=0.5)

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
    Training("full-small", FULL, 10_000, seed=1),
    Training("hundred-small", FULL, 10_000, seed=2, compositions=100),
    Training("disconnected-small", DISCONNECTED, 10_000, seed=3),
    Training("narrow-small", NARROW, 10_000, seed=4),
    Training("no-orange-small", NO_ORANGE, 10_000, seed=5),
    Training("full-medium", FULL, 10_000, seed=6, widths=MEDIUM),
    Training("four-hundred-small", FULL, 10_000, seed=7, compositions=400),
    Training("few-pictures-small", FULL, 500, seed=8),
    Training("ring-small", RING, 10_000, seed=9),
    Training("full-large", FULL, 10_000, seed=10, widths=LARGE),
    Training("hundred-medium", FULL, 10_000, seed=11, compositions=100, widths=MEDIUM),
    Training("full-small-again", FULL, 10_000, seed=12),
)
GENERATORS = tuple(
    Generator(training, step) for training in TRAININGS for step in training.steps
)
