"""Runs of the same shape that train as one batched computation, and the data that they train on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from synthetic.settings import RunSettings
from synthetic.streams import stream
from synthetic.students.base import Student
from synthetic.students.make import make_student
from synthetic.tasks.base import TaskFamily
from synthetic.tasks.codes import draw_codes
from synthetic.tasks.encodings import Encoder
from synthetic.tasks.make import make_family, make_task_encoder
from synthetic.tasks.supports import Support, draw_support, masks

# Number of input values that are drawn at a time: large enough that drawing costs little per step,
# small enough to stay in the cache.
DRAWN_VALUES = 1 << 19


@dataclass(frozen=True, eq=False)
class Ensemble:
    """Runs of one shape and all that they learn from; the students are trained in place."""

    settings: tuple[RunSettings, ...]
    """One for each member; they differ in seed, support and train fraction only."""
    family: TaskFamily
    supports: tuple[Support, ...]
    encoder: Encoder
    student: Student


@dataclass(frozen=True, eq=False)
class TaskBatch:
    """The data of several tasks of each member."""

    encoding: torch.Tensor
    """``(members, tasks, encoding_size)``."""
    inputs: torch.Tensor
    """``(members, tasks, samples, input_size)``."""
    targets: torch.Tensor
    """As in `synthetic.tasks.base.Samples`."""
    constituents: torch.Tensor
    """``(members, tasks, k)``."""

    def part(self, tasks: slice) -> TaskBatch:
        """Only the tasks of the slice."""
        return TaskBatch(*(getattr(self, name)[:, tasks] for name in self.__dataclass_fields__))

    def to(self, device: torch.device) -> TaskBatch:
        """The batch on `device`."""
        return TaskBatch(*(getattr(self, name).to(device) for name in self.__dataclass_fields__))


def make_ensemble(settings: Sequence[RunSettings]) -> Ensemble:
    """Draw the tasks, supports, encodings and untrained students of runs of one shape.

    Raises:
        AuditError: the sizes do not fit each other, or a support cannot be drawn.
        ValueError: the runs differ in more than seed, support and train fraction.
    """
    first = settings[0]
    if any(one.ensemble_key() != first.ensemble_key() for one in settings):
        raise ValueError("`settings` should differ in seed, support and train_fraction only")
    seeds = [one.seed for one in settings]
    family = make_family(first.task, seeds)
    supports = tuple(support_of(one, family) for one in settings)
    encoder = make_task_encoder(first.task, family, seeds)
    student = make_student(first, seeds, family, encoder)
    return Ensemble(tuple(settings), family, supports, encoder, student)


def support_of(settings: RunSettings, family: TaskFamily) -> Support:
    """Draw the support of one run.

    Raises:
        AuditError: there is none of the train fraction asked for.
    """
    return draw_support(
        settings.support,
        family.compositions,
        family.modules,
        1 - settings.train_fraction,
        stream(settings.seed, "support"),
    )


def draw_batch(
    ensemble: Ensemble,
    trained: bool,
    tasks: int,
    samples: int,
    rngs: Sequence[np.random.Generator],
) -> TaskBatch:
    """Data of `tasks` tasks for each member, of trained or of held-out compositions."""
    return _draw(ensemble, _tables(ensemble, trained), tasks, samples, rngs)


def _tables(ensemble: Ensemble, trained: bool) -> list[np.ndarray]:
    """For each member, which modules its compositions use, as `masks` returns them."""
    return [
        masks(support.train if trained else support.held_out, support.modules)
        for support in ensemble.supports
    ]


def _draw(
    ensemble: Ensemble,
    tables: Sequence[np.ndarray],
    tasks: int,
    samples: int,
    rngs: Sequence[np.random.Generator],
) -> TaskBatch:
    codes = draw_codes(ensemble.settings[0].codes, tables, tasks, rngs)
    drawn = ensemble.family.sample(codes, samples, rngs)
    encoding = ensemble.encoder.encode(codes, rngs)
    return TaskBatch(encoding, drawn.inputs, drawn.targets, drawn.constituents)


def data_streams(ensemble: Ensemble) -> list[np.random.Generator]:
    """The generator of each member's training data."""
    return [stream(one.seed, "data") for one in ensemble.settings]


def steps_per_draw(ensemble: Ensemble) -> int:
    """Number of steps whose data are drawn together.

    It does not depend on the number of members: a student's data are the same in any ensemble.
    """
    settings = ensemble.settings[0]
    values_per_task = settings.samples * ensemble.family.input_size + ensemble.encoder.size
    values = settings.tasks * values_per_task
    return max(1, min(settings.steps, DRAWN_VALUES // (8 * values)))


def training_batches(
    ensemble: Ensemble, rngs: Sequence[np.random.Generator], first: int = 0
) -> Iterator[TaskBatch]:
    """The batch of every step.

    Args:
        ensemble: the runs whose tasks are drawn.
        rngs: one generator per member.
        first: the step to start from, a multiple of `steps_per_draw`.
    """
    settings = ensemble.settings[0]
    block = steps_per_draw(ensemble)
    tables = _tables(ensemble, trained=True)
    for start in range(first, settings.steps, block):
        steps = min(block, settings.steps - start)
        drawn = _draw(ensemble, tables, steps * settings.tasks, settings.samples, rngs)
        for step in range(steps):
            batch = drawn.part(slice(step * settings.tasks, (step + 1) * settings.tasks))
            if settings.targets == "shuffled":
                shift = 1 + (start + step) % (settings.tasks - 1)
                batch = TaskBatch(
                    batch.encoding,
                    batch.inputs,
                    batch.targets.roll(shift, dims=1),
                    batch.constituents,
                )
            yield batch
