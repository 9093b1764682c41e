"""Evaluates trained students, and keeps what came of a run."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Literal

import numpy as np
import torch

from synthetic import floors
from synthetic.encodings import Nothing
from synthetic.families.base import Loss
from synthetic.probing import ProbeReading, probe_place
from synthetic.settings import RunSettings
from synthetic.streams import stream
from synthetic.students.base import INPUT
from synthetic.train import Batch, Members, draw_batch

TEST_TASKS = 1024
TEST_SAMPLES = 16

# Floors that this process has computed, by the tasks they are of.
_FLOORS: dict[tuple[object, ...], float] = {}

Status = Literal["finished", "diverged"]


@dataclass(frozen=True)
class RunResult:
    """One trained student: how it does, and what can be decoded where."""

    settings: RunSettings
    status: Status
    """``diverged`` if a loss was not a finite number; the scores are then NaN."""
    compositional: bool
    connected: bool
    n_trained: int
    """Compositions that were trained."""
    n_held_out: int
    """Compositions that were held out."""
    parameters: int
    score_in_distribution: float
    """R2 within tasks on new tasks of trained compositions, or accuracy of the classifier."""
    score_held_out: float
    """The same on tasks of held-out compositions: compositional generalization."""
    additive_floor: float
    """What adding up learned values of conjunctions scores on held-out compositions, see
    `synthetic.floors`; NaN for classification."""
    score_other_code: float
    """What the student scores on held-out compositions when it is told the next task's code: what
    can be had without the code. NaN if there is no encoding."""
    probes: tuple[ProbeReading, ...]
    curve: tuple[tuple[int, float], ...]
    """Training loss at some steps."""

    @property
    def composes(self) -> bool | None:
        """Whether the student does better on held-out compositions than adding up; None if the
        floor or the score is not known."""
        if math.isnan(self.additive_floor) or math.isnan(self.score_held_out):
            return None
        return self.score_held_out > self.additive_floor

    def to_row(self) -> dict[str, Any]:
        """The run as one row of a table, its probes left out."""
        left_out = ("settings", "probes", "curve")
        row = {f.name: getattr(self, f.name) for f in fields(self) if f.name not in left_out}
        final = self.curve[-1][1] if self.curve else math.nan
        return {**asdict(self.settings), **row, "composes": self.composes, "final_loss": final}

    def probe(self, place: str) -> ProbeReading | None:
        """The reading at `place`; ``last`` is the deepest layer. None if there is none."""
        if not self.probes:
            return None
        if place == "last":
            return self.probes[-1]
        return next((probe for probe in self.probes if probe.place == place), None)


def evaluate(members: Members, curve: list[tuple[int, np.ndarray]]) -> tuple[RunResult, ...]:
    """Test and probe the students of `members`; their loss curves are `curve`."""
    rngs = [stream(one.seed, "test") for one in members.settings]
    batches = [
        draw_batch(members, trained, TEST_TASKS, TEST_SAMPLES, rngs) for trained in (True, False)
    ]
    with torch.no_grad():
        read = [members.student.read(batch.encoding, batch.inputs) for batch in batches]
        others = members.student(batches[1].encoding.roll(1, dims=1), batches[1].inputs)
    floor = _additive_floors(members)
    return tuple(
        _result(members, index, batches, read, others, curve, floor[index])
        for index in range(len(rngs))
    )


def score(loss: Loss, outputs: torch.Tensor, targets: torch.Tensor) -> float:
    """One student's success, ``(tasks, samples, ...)``.

    For regression R2 with each task's own mean as the reference, as the official code has it:
    knowing only a task's mean output scores 0. For classification the accuracy.
    """
    if loss == "cross_entropy":
        counted = targets >= 0
        return float((outputs.argmax(dim=-1) == targets)[counted].double().mean())
    missed = (outputs - targets).double().square().sum()
    spread = (targets - targets.mean(dim=1, keepdim=True)).double().square().sum()
    return float(1 - missed / spread)


def _result(
    members: Members,
    index: int,
    batches: list[Batch],
    read: list[tuple[torch.Tensor, dict[str, torch.Tensor]]],
    others: torch.Tensor,
    curve: list[tuple[int, np.ndarray]],
    additive_floor: float,
) -> RunResult:
    support = members.supports[index]
    own_curve = tuple((step, float(losses[index])) for step, losses in curve)
    outputs = [one[0][index] for one in read]
    diverged = not (
        all(math.isfinite(loss) for _, loss in own_curve)
        and all(bool(torch.isfinite(one).all()) for one in outputs)
    )
    scores = [math.nan, math.nan]
    other = math.nan
    probes: tuple[ProbeReading, ...] = ()
    if not diverged:
        scores = [
            score(members.family.loss, one, batch.targets[index])
            for one, batch in zip(outputs, batches, strict=True)
        ]
        if members.encoder.size:
            other = score(members.family.loss, others[index], batches[1].targets[index])
        found = (batches[0].constituents[index].numpy(), batches[1].constituents[index].numpy())
        probes = tuple(
            probe_place(
                place, (read[0][1][place][index].numpy(), read[1][1][place][index].numpy()), found
            )
            for place in read[0][1]
        )
        assert probes[0].place == INPUT
    student = members.student
    assert isinstance(student, torch.nn.Module)
    parameters = sum(parameter.numel() for parameter in student.parameters())
    return RunResult(
        settings=members.settings[index],
        status="diverged" if diverged else "finished",
        compositional=support.is_compositional,
        connected=support.is_connected,
        n_trained=len(support.train),
        n_held_out=len(support.held_out),
        parameters=parameters // len(members.settings),
        score_in_distribution=scores[0],
        score_held_out=scores[1],
        additive_floor=additive_floor,
        score_other_code=other,
        probes=probes,
        curve=own_curve,
    )


def _additive_floors(members: Members) -> list[float]:
    """The additive floor of each member's teacher and support."""
    if members.family.loss != "squared_error":
        return [math.nan] * len(members.settings)
    # The floor knows nothing of students and encodings: runs of the same tasks share it.
    keys = [
        (one.family, one.modules, one.active, one.size, one.codes, support, one.seed)
        for one, support in zip(members.settings, members.supports, strict=True)
    ]
    if all(key in _FLOORS for key in keys):
        return [_FLOORS[key] for key in keys]
    plain = replace(members, encoder=Nothing())
    rngs = [stream(one.seed, "floor") for one in members.settings]
    fit, choose_on, test = (
        draw_batch(plain, trained, tasks, samples, rngs)
        for trained, tasks, samples in (
            (True, floors.FIT_TASKS, floors.FIT_SAMPLES),
            (True, floors.TEST_TASKS, floors.FIT_SAMPLES),
            (False, floors.TEST_TASKS, floors.TEST_SAMPLES),
        )
    )
    order = members.settings[0].active
    for index, key in enumerate(keys):
        if key in _FLOORS:
            continue
        parts = (_points(batch, index) for batch in (fit, choose_on, test))
        predictions = floors.additive_predictions(*parts, order=order)
        targets = test.targets[index]
        told = torch.from_numpy(predictions).view(targets.shape)
        _FLOORS[key] = score("squared_error", told, targets)
    return [_FLOORS[key] for key in keys]


def _points(batch: Batch, index: int) -> floors.Points:
    inputs = batch.inputs[index]
    codes = batch.constituents[index].repeat_interleave(inputs.shape[1], dim=0)
    return floors.Points(
        inputs.flatten(0, 1).double().numpy(),
        codes.double().numpy(),
        batch.targets[index].flatten(0, 1).double().numpy(),
    )


def result_from_json(value: Mapping[str, Any]) -> RunResult:
    """Read what `t2i_audit.io.to_json` made of a result.

    Raises:
        ValueError: `value` is no result.
    """
    try:
        known = {f.name for f in fields(RunResult)}
        return RunResult(
            **{
                **{name: value[name] for name in known},
                "settings": RunSettings(**value["settings"]),
                "score_in_distribution": _number(value["score_in_distribution"]),
                "score_held_out": _number(value["score_held_out"]),
                "additive_floor": _number(value["additive_floor"]),
                "score_other_code": _number(value["score_other_code"]),
                "probes": tuple(
                    ProbeReading(**{key: _number(item) for key, item in probe.items()})
                    for probe in value["probes"]
                ),
                "curve": tuple((int(step), _number(loss)) for step, loss in value["curve"]),
            }
        )
    except (AttributeError, KeyError, TypeError) as err:
        raise ValueError(f"it is not a result of a run ({err})") from err


def _number(value: Any) -> Any:
    return math.nan if value is None else value
