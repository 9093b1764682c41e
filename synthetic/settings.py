"""What a run is: every setting that its result depends on, checked before work starts."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

from synthetic.codes import CodeDistribution
from synthetic.encodings import EncodingName
from synthetic.supports import SupportKind
from t2i_audit.errors import AuditError

FamilyName = Literal["hyperteacher", "preference", "hierarchy"]
StudentKind = Literal["mlp", "transformer"]
Schedule = Literal["one-cycle", "constant"]
Targets = Literal["true", "shuffled"]


@dataclass(frozen=True)
class RunSettings:
    """One student and its tasks.

    Raises:
        AuditError: a value is unknown or out of its range.
    """

    family: FamilyName = "hyperteacher"
    encoding: EncodingName = "identity"
    codes: CodeDistribution = "discrete"
    support: SupportKind = "random"
    train_fraction: float = 0.75
    """Share of the compositions that is trained; the rest is held out."""
    modules: int = 8
    active: int = 2
    """The most modules a task uses."""
    size: int = 8
    """Hyperteacher: inputs, hidden units and outputs. Preference: features. Hierarchy: levels."""
    student: StudentKind = "mlp"
    width: int = 64
    depth: int = 3
    """Hidden layers, or transformer blocks."""
    seed: int = 0
    """Of the teacher, the support, the encoding, the student and its data."""
    steps: int = 3000
    tasks: int = 64
    """Tasks a step."""
    samples: int = 8
    """Samples a task."""
    learning_rate: float = 3e-3
    schedule: Schedule = "one-cycle"
    weight_decay: float = 3e-3
    """AdamW's, not on biases."""
    targets: Targets = "true"
    """``shuffled`` gives every task the targets of another: a floor."""
    invertible_scale: float = 1.5
    """Deviation of the invertible encoding's weights. At the official 0.1 the network is so nearly
    linear that a ridge with an intercept reads the code off it with R2 = 1.00."""

    def __post_init__(self) -> None:
        choose("family", self.family, get_args(FamilyName))
        choose("encoding", self.encoding, get_args(EncodingName))
        choose("codes", self.codes, get_args(CodeDistribution))
        choose("support", self.support, get_args(SupportKind))
        choose("student", self.student, get_args(StudentKind))
        choose("schedule", self.schedule, get_args(Schedule))
        choose("targets", self.targets, get_args(Targets))
        for name, least in _LEAST.items():
            if getattr(self, name) < least:
                raise AuditError(f"--{name} should be at least {least}, not {getattr(self, name)}")
        if self.active > self.modules:
            raise AuditError(
                f"--active should be at most --modules, {self.modules}, not {self.active}"
            )
        if self.student == "transformer" and self.width % HEADS:
            raise AuditError(
                f"--width of a transformer should be a multiple of {HEADS}, not {self.width}"
            )
        if not 0 < self.train_fraction < 1:
            raise AuditError(
                f"--train-fraction should be between 0 and 1, not {self.train_fraction:g}"
            )
        if not 0 < self.learning_rate < float("inf"):
            raise AuditError(f"--learning-rate should be above 0, not {self.learning_rate:g}")
        if (self.encoding == "none") != (self.family == "hierarchy"):
            raise AuditError(
                "the hierarchy family takes the encoding none, as its inputs tell the task, and "
                f"the others take another; got {self.family} with {self.encoding}"
            )

    def batch_key(self) -> RunSettings:
        """These settings without what members of one ensemble may differ in."""
        return replace(self, seed=0, support="random", train_fraction=0.5)


# Attention heads of a transformer, whatever its width.
HEADS = 4

# The small presets: what shows the phenomenon in seconds on one core.
SMALL: dict[FamilyName, dict[str, Any]] = {
    "hyperteacher": {"active": 3, "samples": 4},
    "preference": {
        "active": 3,
        "size": 4,
        "width": 256,
        "depth": 2,
        "samples": 6,
        "weight_decay": 1e-3,
    },
    "hierarchy": {
        "modules": 6,
        "active": 3,
        "size": 3,
        "tasks": 256,
        "samples": 1,
        "encoding": "none",
        "codes": "k-hot",
        "steps": 1000,
    },
}

# The paper's full settings, section on the experimental setup and the official configuration.
PAPER: dict[FamilyName, dict[str, Any]] = {
    "hyperteacher": {
        "modules": 16,
        "active": 3,
        "size": 16,
        "width": 1024,
        "depth": 4,
        "steps": 300_000,
        "tasks": 128,
        "samples": 16,
        "learning_rate": 3e-4,
        "schedule": "constant",
        "weight_decay": 3e-3,
        "invertible_scale": 0.1,
    },
    "preference": {
        "modules": 16,
        "active": 3,
        "size": 32,
        "width": 1024,
        "depth": 2,
        "steps": 3_000_000,
        "tasks": 128,
        "samples": 8,
        "learning_rate": 1e-4,
        "schedule": "constant",
        "weight_decay": 1e-3,
        "invertible_scale": 0.1,
    },
}

# The hierarchy's inputs tell the task, so the general defaults of these give way to its own.
_OWN = ("encoding", "codes")

_LEAST = {
    "modules": 1,
    "active": 1,
    "size": 1,
    "width": 1,
    "depth": 1,
    "seed": 0,
    "steps": 0,
    "tasks": 2,
    "samples": 1,
    "weight_decay": 0,
    "invertible_scale": 0,
}


def preset_settings(preset: str, *, family: str, **changes: Any) -> RunSettings:
    """The settings of a preset, ``small`` or ``paper``, with `changes`.

    Raises:
        AuditError: there is no such preset or family, or a change is out of its range.
    """
    choose("preset", preset, ("small", "paper"))
    choose("family", family, get_args(FamilyName))
    presets = PAPER if preset == "paper" else SMALL
    if family not in presets:
        raise AuditError(f"the paper has no {family} family; take one of {', '.join(presets)}")
    values = presets[family]
    if family == "hierarchy" and changes.get("encoding") == "identity":
        changes = {name: value for name, value in changes.items() if name not in _OWN}
    return RunSettings(family=family, **{**values, **changes})


def choose(option: str, value: str, choices: Iterable[str]) -> None:
    """Refuse a `value` that is none of `choices`, naming the nearest.

    Raises:
        AuditError: it is none of them.
    """
    known = tuple(choices)
    if value in known:
        return
    near = difflib.get_close_matches(value, known, n=2)
    hint = f"did you mean {' or '.join(near)}?" if near else f"there are {', '.join(known)}"
    raise AuditError(f"unknown {option} {value!r}; {hint}")
