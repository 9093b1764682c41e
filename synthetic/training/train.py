"""The training loop: all students of an ensemble at once, each on its own tasks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch

from synthetic.settings import RunSettings
from synthetic.students.base import Student
from synthetic.training.ensemble import Ensemble, data_streams, steps_per_draw, training_batches
from synthetic.training.gradients import gradients_of
from synthetic.training.process_state import onednn_products, tf32_products

Precision = Literal["float32", "tf32", "bfloat16"]
LossCurve = list[tuple[int, np.ndarray]]
"""Pairs of a step and the losses of all members, ``(members,)``."""

# Share of the steps during which the one-cycle schedule rises (Smith and Topin 2017; torch's
# default).
RISING_SHARE = 0.3
CURVE_POINTS = 50


@dataclass(frozen=True, eq=False)
class TrainingState:
    """A training between two steps; it can be resumed from here with the same result.

    It holds the student's and the optimizer's own tensors, which the next step changes in place.
    """

    steps: int
    """Number of steps completed."""
    student: dict[str, Any]
    """The students' parameters."""
    optimizer: dict[str, Any]
    data: list[Any]
    """The state of each member's generator of training data."""
    curve: LossCurve
    """The loss curve so far."""


def train(
    ensemble: Ensemble,
    *,
    device: torch.device | None = None,
    precision: Precision = "float32",
    advance: Callable[[int], None] = lambda steps: None,
    resume: TrainingState | None = None,
    save: Callable[[TrainingState], None] | None = None,
) -> LossCurve:
    """Train the students and return their loss curve.

    The gradient of each member is that of its own loss, so a student learns exactly what it would
    learn alone. A loss that is not finite affects no other member.

    Args:
        ensemble: the students and their tasks.
        device: where to train; the CPU if None.
        precision: ``tf32`` and ``bfloat16`` trade accuracy for speed on GPUs.
        advance: called with the number of steps just completed.
        resume: the state from which to resume a training of the same ensemble.
        save: called with the state after each step from which a training can be resumed.
    """
    place = torch.device("cpu") if device is None else device
    settings, student = ensemble.settings[0], ensemble.student
    assert isinstance(student, torch.nn.Module)
    student.to(place)
    optimizer = _make_optimizer(student, settings)
    rngs = data_streams(ensemble)
    first, curve = 0, []
    if resume is not None:
        first, curve = resume.steps, list(resume.curve)
        _restore(resume, student, optimizer, rngs)
    every = max(1, settings.steps // CURVE_POINTS)
    block = steps_per_draw(ensemble)
    gradients = gradients_of(student, ensemble.family.loss, place, precision == "bfloat16")
    with tf32_products(precision == "tf32"), onednn_products():
        for step, batch in enumerate(training_batches(ensemble, rngs, first), start=first):
            for group in optimizer.param_groups:
                group["lr"] = learning_rate(settings, step)
            batch = batch.to(place) if place.type != "cpu" else batch
            losses = gradients(batch)
            optimizer.step()
            if step % every == 0 or step == settings.steps - 1:
                curve.append((step, losses.cpu().numpy()))
            advance(1)
            # Only at the end of a block have the generators drawn no more than was trained on.
            if save is not None and (step + 1) % block == 0:
                save(_state(step + 1, student, optimizer, rngs, curve))
    student.to("cpu")
    return curve


def learning_rate(settings: RunSettings, step: int) -> float:
    """The learning rate of `step`: constant, or one cycle that rises and falls along cosines.

    The cycle is that of torch's `OneCycleLR` with its peak after exactly `RISING_SHARE` of the
    steps. As a function of the step alone it needs no state when a training is resumed.
    """
    top = settings.learning_rate
    if settings.schedule == "constant":
        return top
    peak = RISING_SHARE * settings.steps
    if step < peak:
        low, share = 1 / 25, 1 - step / peak
    else:
        low, share = 1e-4 / 25, (step - peak) / max(1.0, settings.steps - peak)
    return float(top * (low + (1 - low) * (1 + np.cos(np.pi * share)) / 2))


def _make_optimizer(student: Student, settings: RunSettings) -> torch.optim.AdamW:
    decayed, others = student.parameter_groups()
    return torch.optim.AdamW(
        [
            {"params": decayed, "weight_decay": settings.weight_decay},
            {"params": others, "weight_decay": 0.0},
        ],
        lr=settings.learning_rate,
        fused=True,
    )


def _state(
    steps: int,
    student: torch.nn.Module,
    optimizer: torch.optim.Optimizer,
    rngs: list[np.random.Generator],
    curve: LossCurve,
) -> TrainingState:
    data = [rng.bit_generator.state for rng in rngs]
    return TrainingState(steps, student.state_dict(), optimizer.state_dict(), data, curve)


def _restore(
    state: TrainingState,
    student: torch.nn.Module,
    optimizer: torch.optim.Optimizer,
    rngs: list[np.random.Generator],
) -> None:
    student.load_state_dict(state.student)
    optimizer.load_state_dict(state.optimizer)
    for rng, drawn in zip(rngs, state.data, strict=True):
        rng.bit_generator.state = drawn
