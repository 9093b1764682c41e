"""The result of one run, and its form in files."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cache
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ConfigDict, TypeAdapter, ValidationError, with_config

from synthetic.records import COLUMNS, record_of, run_of
from synthetic.settings import RunSettings
from t2i_audit.errors import AuditError
from t2i_audit.io import to_json

Status = Literal["finished", "diverged"]


def _number(value: Any) -> Any:
    """JSON has ``null`` for what is not finite."""
    return math.nan if value is None else value


def _settings(value: Any) -> RunSettings:
    if isinstance(value, RunSettings):
        return value
    if not isinstance(value, Mapping):
        raise ValueError("a record of settings is missing")
    missing = sorted(set(COLUMNS) - set(value))
    if missing:
        raise ValueError(f"the setting {missing[0]!r} is missing")
    try:
        return run_of(value)
    except AuditError as err:
        raise ValueError(str(err)) from err


Number = Annotated[float, BeforeValidator(_number)]


@dataclass(frozen=True)
class ProbeScore:
    """How well a probe decodes the constituents at one place of a student."""

    place: str
    """``input``, ``hidden_1``, ...; the input is the control."""
    r2_in_distribution: Number
    """R2 on test tasks of trained compositions: mean over the constituents, and over their classes
    if they are categorical. Outputs that do not vary are excluded."""
    r2_held_out: Number
    """The same on tasks of held-out compositions."""
    accuracy_in_distribution: Number
    """Share of categorical constituents predicted correctly; NaN for real ones."""
    accuracy_held_out: Number
    n_fit: int
    """Number of tasks that the probe was fitted to."""
    n_held_out: int
    """Number of tasks of held-out compositions that it was scored on."""


@with_config(ConfigDict(arbitrary_types_allowed=True))
@dataclass(frozen=True)
class RunResult:
    """One trained student: its scores, and what can be decoded at each place."""

    settings: Annotated[RunSettings, BeforeValidator(_settings)]
    status: Status
    """``diverged`` if a loss or an output was not finite; the scores are then NaN."""
    compositional: bool
    connected: bool
    n_trained: int
    """Number of trained compositions."""
    n_held_out: int
    """Number of held-out compositions."""
    parameters: int
    score_in_distribution: Number
    """On new tasks of trained compositions: R2 within tasks, or accuracy for classification."""
    score_held_out: Number
    """The same on tasks of held-out compositions: compositional generalization."""
    additive_floor: Number
    """The score of adding up learned values of conjunctions on held-out compositions, see
    `synthetic.evaluation.additive_floor`; NaN for classification."""
    score_other_code: Number
    """The student's score on held-out compositions when it receives the next task's code: what can
    be had without the code. NaN if there is no encoding."""
    probes: tuple[ProbeScore, ...]
    curve: tuple[tuple[int, Number], ...]
    """Pairs of a step and its training loss."""

    @property
    def composes(self) -> bool | None:
        """Whether the student scores above its additive floor on held-out compositions; None if
        the floor or the score is undefined."""
        if math.isnan(self.additive_floor) or math.isnan(self.score_held_out):
            return None
        return self.score_held_out > self.additive_floor

    def to_row(self) -> dict[str, Any]:
        """The run as one row of a table, without its probes and curve."""
        left_out = ("settings", "probes", "curve")
        row = {f.name: getattr(self, f.name) for f in fields(self) if f.name not in left_out}
        final = self.curve[-1][1] if self.curve else math.nan
        return {**record_of(self.settings), **row, "composes": self.composes, "final_loss": final}

    def probe(self, place: str) -> ProbeScore | None:
        """The score at `place`, or None; ``last`` is the deepest layer."""
        if not self.probes:
            return None
        if place == "last":
            return self.probes[-1]
        return next((probe for probe in self.probes if probe.place == place), None)


def result_to_json(result: RunResult) -> dict[str, Any]:
    """The result in JSON's types, its settings as a flat record."""
    values = {f.name: getattr(result, f.name) for f in fields(result)}
    json: dict[str, Any] = to_json({**values, "settings": record_of(result.settings)})
    return json


def result_from_json(value: Any) -> RunResult:
    """The inverse of `result_to_json`.

    Raises:
        ValueError: `value` is not a result.
    """
    try:
        return _adapter().validate_python(value)
    except ValidationError as err:
        fault = err.errors()[0]
        where = ".".join(map(str, fault["loc"]))
        raise ValueError(f"it is not the result of a run: {where} {fault['msg']}") from err


@cache
def _adapter() -> TypeAdapter[RunResult]:
    return TypeAdapter(RunResult)
