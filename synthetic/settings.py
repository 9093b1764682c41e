"""Everything that the result of a run depends on, checked before work starts.

Each task family has a settings type of its own; `RunSettings` adds the support, the student and its
training. Error messages name the options of the command line.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import ClassVar, Literal, get_args

from t2i_audit.errors import AuditError

FamilyName = Literal["hyperteacher", "preference", "hierarchy"]
EncodingName = Literal[
    "identity", "orthogonal", "language", "invertible", "interval-shuffle", "few-shot", "none"
]
CodeDistribution = Literal["discrete", "k-hot", "continuous"]
SupportKind = Literal[
    "random", "balanced", "disconnected", "non-compositional", "popular", "unpopular"
]
StudentKind = Literal["mlp", "transformer"]
Schedule = Literal["one-cycle", "constant"]
Targets = Literal["true", "shuffled"]

NO_ENCODING: EncodingName = "none"
# Attention heads of a transformer, whatever its width.
HEADS = 4
# Standard deviation of the invertible encoding's weights. At the official code's 0.1 the network is
# so nearly linear that a ridge with an intercept reads the code off it with R2 = 1.00.
INVERTIBLE_SCALE = 1.5


@dataclass(frozen=True)
class HyperteacherSettings:
    """Regression on a network whose weights are a sum of modules.

    Raises:
        AuditError: a value is unknown or out of range.
    """

    family: ClassVar[FamilyName] = "hyperteacher"

    modules: int = 8
    active: int = 2
    """The most modules in a task."""
    size: int = 8
    """Inputs, hidden units and outputs of the teacher."""
    encoding: EncodingName = "identity"
    """The form in which the student receives the task's code."""
    invertible_scale: float = INVERTIBLE_SCALE
    """Standard deviation of the invertible encoding's weights."""

    def __post_init__(self) -> None:
        _check_modules(self.modules, self.active, self.size)
        _check_encoding(self.family, self.encoding, self.invertible_scale)


@dataclass(frozen=True)
class PreferenceSettings:
    """Imitation of the optimal policy under a reward that is a sum of preferences.

    Raises:
        AuditError: a value is unknown or out of range.
    """

    family: ClassVar[FamilyName] = "preference"

    modules: int = 8
    active: int = 3
    """The most modules in a task."""
    features: int = 4
    """Kinds of objects in the grid."""
    encoding: EncodingName = "identity"
    """The form in which the student receives the task's code."""
    invertible_scale: float = INVERTIBLE_SCALE
    """Standard deviation of the invertible encoding's weights."""

    def __post_init__(self) -> None:
        _check_modules(self.modules, self.active, self.features)
        _check_encoding(self.family, self.encoding, self.invertible_scale)
        if self.encoding == "few-shot":
            raise AuditError(
                "the few-shot encoding needs a family of regression tasks; give --family "
                "hyperteacher or another --encoding"
            )


@dataclass(frozen=True)
class HierarchySettings:
    """Classification of sequences that random production rules generate, level by level.

    The inputs themselves identify the task, so there is no encoding.

    Raises:
        AuditError: a value is out of range.
    """

    family: ClassVar[FamilyName] = "hierarchy"
    encoding: ClassVar[EncodingName] = NO_ENCODING

    symbols: int = 6
    synonyms: int = 3
    """Production rules of each symbol."""
    levels: int = 3

    def __post_init__(self) -> None:
        _check_modules(self.symbols, self.synonyms, self.levels)


TaskSettings = HyperteacherSettings | PreferenceSettings | HierarchySettings


@dataclass(frozen=True)
class RunSettings:
    """One student and the tasks that it learns.

    Raises:
        AuditError: a value is unknown or out of range.
    """

    task: TaskSettings = field(default_factory=HyperteacherSettings)
    codes: CodeDistribution = "discrete"
    support: SupportKind = "random"
    train_fraction: float = 0.75
    """Share of the compositions that the student is trained on; the others are held out."""
    student: StudentKind = "mlp"
    width: int = 64
    depth: int = 3
    """Hidden layers, or transformer blocks."""
    seed: int = 0
    """Of the teacher, the support, the encoding, the student and its data."""
    steps: int = 3000
    tasks: int = 64
    """Tasks per step."""
    samples: int = 8
    """Samples per task."""
    learning_rate: float = 3e-3
    schedule: Schedule = "one-cycle"
    weight_decay: float = 3e-3
    """AdamW's; biases do not decay."""
    targets: Targets = "true"
    """``shuffled`` gives every task the targets of another one: a floor."""

    def __post_init__(self) -> None:
        choose("codes", self.codes, get_args(CodeDistribution))
        choose("support", self.support, get_args(SupportKind))
        choose("student", self.student, get_args(StudentKind))
        choose("schedule", self.schedule, get_args(Schedule))
        choose("targets", self.targets, get_args(Targets))
        _require_at_least("width", self.width, 1)
        _require_at_least("depth", self.depth, 1)
        _require_at_least("seed", self.seed, 0)
        _require_at_least("steps", self.steps, 0)
        _require_at_least("tasks", self.tasks, 2)
        _require_at_least("samples", self.samples, 1)
        _require_at_least("weight_decay", self.weight_decay, 0)
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

    def ensemble_key(self) -> RunSettings:
        """These settings without those in which the members of one ensemble may differ."""
        return replace(self, seed=0, support="random", train_fraction=0.5)


def choose(option: str, value: str, choices: Iterable[str]) -> None:
    """Refuse a `value` that is not one of `choices`, and suggest the nearest.

    Raises:
        AuditError: it is none of them.
    """
    known = tuple(choices)
    if value in known:
        return
    near = difflib.get_close_matches(value, known, n=2)
    hint = f"did you mean {' or '.join(near)}?" if near else f"choose one of {', '.join(known)}"
    raise AuditError(f"unknown {option} {value!r}; {hint}")


def _check_modules(modules: int, active: int, size: int) -> None:
    _require_at_least("modules", modules, 1)
    _require_at_least("active", active, 1)
    _require_at_least("size", size, 1)
    if active > modules:
        raise AuditError(f"--active should be at most --modules, {modules}, not {active}")


def _check_encoding(family: FamilyName, encoding: EncodingName, invertible_scale: float) -> None:
    choose("encoding", encoding, get_args(EncodingName))
    if encoding == NO_ENCODING:
        raise AuditError(
            f"only the hierarchy family takes the encoding none; give {family} another --encoding"
        )
    _require_at_least("invertible_scale", invertible_scale, 0)


def _require_at_least(name: str, value: float, least: float) -> None:
    if value < least:
        raise AuditError(f"--{name.replace('_', '-')} should be at least {least}, not {value}")
