"""Tests and probes trained students."""

from __future__ import annotations

import math

import numpy as np
import torch

from synthetic.evaluation.additive_floor import additive_floors
from synthetic.evaluation.probing import probe_place
from synthetic.evaluation.results import ProbeScore, RunResult
from synthetic.evaluation.scores import score
from synthetic.streams import stream
from synthetic.students.base import INPUT
from synthetic.training.ensemble import Ensemble, TaskBatch, draw_batch
from synthetic.training.train import LossCurve

TEST_TASKS = 1024
TEST_SAMPLES = 16

Places = dict[str, torch.Tensor]
"""For each place the activations of all members, ``(members, tasks, features)``."""


def evaluate(ensemble: Ensemble, curve: LossCurve) -> tuple[RunResult, ...]:
    """Test and probe the students of `ensemble`, whose loss curves are `curve`."""
    rngs = [stream(one.seed, "test") for one in ensemble.settings]
    batches = [
        draw_batch(ensemble, trained, TEST_TASKS, TEST_SAMPLES, rngs) for trained in (True, False)
    ]
    with torch.no_grad():
        read = [ensemble.student.read(batch.encoding, batch.inputs) for batch in batches]
        held_out = batches[1]
        other_codes = held_out.encoding.roll(1, dims=1)
        other_outputs = ensemble.student(other_codes, held_out.inputs)
    floors = additive_floors(ensemble)
    return tuple(
        _result(
            ensemble,
            index,
            batches,
            outputs=[outputs[index] for outputs, _ in read],
            places=[places for _, places in read],
            other_outputs=other_outputs[index],
            curve=tuple((step, float(losses[index])) for step, losses in curve),
            additive_floor=floors[index],
        )
        for index in range(len(rngs))
    )


def _result(
    ensemble: Ensemble,
    index: int,
    batches: list[TaskBatch],
    *,
    outputs: list[torch.Tensor],
    places: list[Places],
    other_outputs: torch.Tensor,
    curve: tuple[tuple[int, float], ...],
    additive_floor: float,
) -> RunResult:
    """The result of one member; lists hold the trained compositions first, then the held-out."""
    support, loss = ensemble.supports[index], ensemble.family.loss
    diverged = not (
        all(math.isfinite(value) for _, value in curve)
        and all(bool(torch.isfinite(one).all()) for one in outputs)
    )
    scores = [math.nan, math.nan]
    other_score = math.nan
    probes: tuple[ProbeScore, ...] = ()
    if not diverged:
        targets = [batch.targets[index] for batch in batches]
        scores = [score(loss, *pair) for pair in zip(outputs, targets, strict=True)]
        if ensemble.encoder.size:
            other_score = score(loss, other_outputs, targets[1])
        probes = _probes(index, batches, places)
    return RunResult(
        settings=ensemble.settings[index],
        status="diverged" if diverged else "finished",
        compositional=support.is_compositional,
        connected=support.is_connected,
        n_trained=len(support.train),
        n_held_out=len(support.held_out),
        parameters=_parameters(ensemble),
        score_in_distribution=scores[0],
        score_held_out=scores[1],
        additive_floor=additive_floor,
        score_other_code=other_score,
        probes=probes,
        curve=curve,
    )


def _probes(index: int, batches: list[TaskBatch], places: list[Places]) -> tuple[ProbeScore, ...]:
    trained, held_out = batches
    constituents = (trained.constituents[index].numpy(), held_out.constituents[index].numpy())

    def features(place: str) -> tuple[np.ndarray, np.ndarray]:
        return places[0][place][index].numpy(), places[1][place][index].numpy()

    probes = tuple(probe_place(place, features(place), constituents) for place in places[0])
    assert probes[0].place == INPUT
    return probes


def _parameters(ensemble: Ensemble) -> int:
    """Parameters of one student."""
    student = ensemble.student
    assert isinstance(student, torch.nn.Module)
    total = sum(parameter.numel() for parameter in student.parameters())
    return total // len(ensemble.settings)
