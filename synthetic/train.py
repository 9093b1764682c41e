"""Training: students of one shape, each with its own tasks, as one batched computation."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch

from synthetic.codes import draw_codes
from synthetic.encodings import Encoder, make_encoder
from synthetic.families.base import Family, Loss
from synthetic.families.make import make_family
from synthetic.settings import RunSettings
from synthetic.streams import stream
from synthetic.students.base import Student
from synthetic.students.make import make_student
from synthetic.supports import Support, draw_support, masks

Precision = Literal["float32", "tf32", "bfloat16"]

# Values of inputs that are drawn at a time: large enough that drawing costs little a step, small
# enough to stay in the cache.
DRAWN_VALUES = 1 << 19
# Share of the steps in which the one-cycle schedule rises (Smith and Topin 2017; torch's default).
RISING_SHARE = 0.3
POINTS_OF_CURVE = 50


@dataclass(frozen=True, eq=False)
class Members:
    """Runs of one shape with all that they learn from; the ensemble is trained in place."""

    settings: tuple[RunSettings, ...]
    family: Family
    supports: tuple[Support, ...]
    encoder: Encoder
    student: Student


@dataclass(frozen=True, eq=False)
class Batch:
    """What a step, or several, learns from."""

    encoding: torch.Tensor
    """``(members, tasks, encoding_size)``."""
    inputs: torch.Tensor
    """``(members, tasks, samples, input_size)``."""
    targets: torch.Tensor
    constituents: torch.Tensor

    def part(self, tasks: slice) -> Batch:
        """Only some of the tasks."""
        return Batch(*(getattr(self, name)[:, tasks] for name in self.__dataclass_fields__))

    def to(self, device: torch.device) -> Batch:
        """The batch on `device`."""
        return Batch(*(getattr(self, name).to(device) for name in self.__dataclass_fields__))


@dataclass(frozen=True, eq=False)
class TrainingState:
    """A training between two steps: all that it needs to go on as if it had never been left.

    It holds the student's and the optimizer's own tensors, which the next step changes.
    """

    steps: int
    """Steps made."""
    student: dict[str, Any]
    """The students' parameters."""
    optimizer: dict[str, Any]
    data: list[Any]
    """Each member's generator of training data."""
    curve: list[tuple[int, np.ndarray]]
    """The loss curve so far, as `train` returns it."""


def make_members(settings: Sequence[RunSettings]) -> Members:
    """Draw the tasks, supports, encodings and untrained students of runs of one shape.

    Raises:
        AuditError: the sizes do not fit, or a support cannot be drawn.
    """
    first = settings[0]
    if any(one.batch_key() != first.batch_key() for one in settings):
        raise ValueError("`settings` should differ in seed, support and train_fraction only")
    seeds = [one.seed for one in settings]
    family = make_family(first, seeds)
    supports = tuple(
        draw_support(
            one.support,
            family.compositions,
            family.modules,
            1 - one.train_fraction,
            stream(one.seed, "support"),
        )
        for one in settings
    )
    encoder = make_encoder(first.encoding, family, seeds, invertible_scale=first.invertible_scale)
    return Members(
        tuple(settings), family, supports, encoder, make_student(first, seeds, family, encoder)
    )


def train(
    members: Members,
    *,
    device: torch.device | None = None,
    precision: Precision = "float32",
    advance: Callable[[int], None] = lambda steps: None,
    resume: TrainingState | None = None,
    keep: Callable[[TrainingState], None] | None = None,
) -> list[tuple[int, np.ndarray]]:
    """Train the students; returns the loss curve, pairs of step and ``(members,)`` losses.

    Each member's gradient is that of its own loss, so a student learns what it would alone. A loss
    that is not a number stays in its member.

    Args:
        members: the students and their tasks.
        device: where to train; the CPU if None.
        precision: ``tf32`` and ``bfloat16`` trade accuracy for speed on GPUs.
        advance: told how many steps were made.
        resume: where an earlier training of the same members was left.
        keep: given the state from time to time, wherever a training can be resumed.
    """
    place = torch.device("cpu") if device is None else device
    settings = members.settings[0]
    student = members.student
    assert isinstance(student, torch.nn.Module)
    student.to(place)
    torch.backends.cuda.matmul.allow_tf32 = precision == "tf32"
    decayed, others = student.parameter_groups()
    optimizer = torch.optim.AdamW(
        [
            {"params": decayed, "weight_decay": settings.weight_decay},
            {"params": others, "weight_decay": 0.0},
        ],
        lr=settings.learning_rate,
        fused=True,
    )
    rngs = data_streams(members)
    first, curve = 0, []
    if resume is not None:
        first, curve = resume.steps, list(resume.curve)
        student.load_state_dict(resume.student)
        optimizer.load_state_dict(resume.optimizer)
        for rng, state in zip(rngs, resume.data, strict=True):
            rng.bit_generator.state = state
    every = max(1, settings.steps // POINTS_OF_CURVE)
    block = steps_drawn_at_once(members)
    for step, batch in enumerate(batches(members, rngs, first), start=first):
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(settings, step)
        batch = batch.to(place) if place.type != "cpu" else batch
        with torch.autocast(place.type, torch.bfloat16, enabled=precision == "bfloat16"):
            outputs = student(batch.encoding, batch.inputs)
        losses = member_losses(members.family.loss, outputs.float(), batch.targets)
        optimizer.zero_grad()
        losses.sum().backward()
        optimizer.step()
        if step % every == 0 or step == settings.steps - 1:
            curve.append((step, losses.detach().cpu().numpy()))
        advance(1)
        # Only here have the generators drawn what was trained on and no more.
        if keep is not None and (step + 1) % block == 0:
            data = [rng.bit_generator.state for rng in rngs]
            keep(TrainingState(step + 1, student.state_dict(), optimizer.state_dict(), data, curve))
    student.to("cpu")
    return curve


def learning_rate(settings: RunSettings, step: int) -> float:
    """The learning rate of `step`: constant, or one cycle of cosines up and down."""
    top = settings.learning_rate
    if settings.schedule == "constant":
        return top
    peak = RISING_SHARE * settings.steps
    if step < peak:
        low, share = 1 / 25, 1 - step / peak
    else:
        low, share = 1e-4 / 25, (step - peak) / max(1.0, settings.steps - peak)
    return float(top * (low + (1 - low) * (1 + np.cos(np.pi * share)) / 2))


def member_losses(loss: Loss, outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Mean loss of each member, ``(members,)``.

    Args:
        loss: what is minimised.
        outputs: ``(members, tasks, samples, output_size)``.
        targets: the same shape, or class indices without the last dimension, -1 not counted.
    """
    if loss == "squared_error":
        return (outputs - targets).square().mean(dim=(1, 2, 3))
    surprise = torch.nn.functional.cross_entropy(
        outputs.flatten(0, 2), targets.flatten(), ignore_index=-1, reduction="none"
    ).view(len(outputs), -1)
    return surprise.sum(dim=1) / (targets >= 0).flatten(1).sum(dim=1).clamp(min=1)


def draw_batch(
    members: Members,
    trained: bool,
    tasks: int,
    samples: int,
    rngs: Sequence[np.random.Generator],
) -> Batch:
    """Data of `tasks` tasks of each member, of trained or of held-out compositions."""
    tables = [
        masks(support.train if trained else support.held_out, support.modules)
        for support in members.supports
    ]
    codes = draw_codes(members.settings[0].codes, tables, tasks, rngs)
    drawn = members.family.sample(codes, samples, rngs)
    encoding = members.encoder.encode(codes, rngs)
    return Batch(encoding, drawn.inputs, drawn.targets, drawn.constituents)


def data_streams(members: Members) -> list[np.random.Generator]:
    """The generator of each member's training data."""
    return [stream(one.seed, "data") for one in members.settings]


def steps_drawn_at_once(members: Members) -> int:
    """Steps whose data are drawn together.

    The number of members does not come in: a student's data are the same in any ensemble.
    """
    settings = members.settings[0]
    values = settings.tasks * (settings.samples * members.family.input_size + members.encoder.size)
    return max(1, min(settings.steps, DRAWN_VALUES // (8 * values)))


def batches(
    members: Members, rngs: Sequence[np.random.Generator], first: int = 0
) -> Iterator[Batch]:
    """The batch of every step.

    Args:
        members: whose tasks.
        rngs: one generator a member.
        first: the step to begin with, a multiple of `steps_drawn_at_once`.
    """
    settings = members.settings[0]
    block = steps_drawn_at_once(members)
    for start in range(first, settings.steps, block):
        steps = min(block, settings.steps - start)
        drawn = draw_batch(members, True, steps * settings.tasks, settings.samples, rngs)
        for step in range(steps):
            batch = drawn.part(slice(step * settings.tasks, (step + 1) * settings.tasks))
            if settings.targets == "shuffled":
                shift = 1 + (start + step) % (settings.tasks - 1)
                batch = Batch(
                    batch.encoding,
                    batch.inputs,
                    batch.targets.roll(shift, dims=1),
                    batch.constituents,
                )
            yield batch
