"""A run's settings as one flat record: the columns of the tables, and the form kept in files.

The columns are the same for every task family, so runs of several families fit one table:
``modules``, ``active`` and ``size`` are the symbols, the synonyms and the levels of the hierarchy,
and ``size`` is the number of features of the preference family. The command line has one option
for each column.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, get_args

from synthetic.settings import (
    INVERTIBLE_SCALE,
    NO_ENCODING,
    FamilyName,
    HierarchySettings,
    HyperteacherSettings,
    PreferenceSettings,
    RunSettings,
    TaskSettings,
    choose,
)
from t2i_audit.errors import AuditError

# In the order in which tables show them, which is also the order that the file names hash.
COLUMNS = (
    "family",
    "encoding",
    "codes",
    "support",
    "train_fraction",
    "modules",
    "active",
    "size",
    "student",
    "width",
    "depth",
    "seed",
    "steps",
    "tasks",
    "samples",
    "learning_rate",
    "schedule",
    "weight_decay",
    "targets",
    "invertible_scale",
)
_TASK_TYPES: dict[str, type[TaskSettings]] = {
    "hyperteacher": HyperteacherSettings,
    "preference": PreferenceSettings,
    "hierarchy": HierarchySettings,
}
# A family's own names of the columns, where they differ.
_FIELDS = {
    "hyperteacher": {},
    "preference": {"size": "features"},
    "hierarchy": {"modules": "symbols", "active": "synonyms", "size": "levels"},
}
_TASK_COLUMNS = ("encoding", "modules", "active", "size", "invertible_scale")


def record_of(run: RunSettings) -> dict[str, Any]:
    """The settings of `run` as one flat record of `COLUMNS`."""
    task = run.task
    names = _FIELDS[task.family]
    values = {f.name: getattr(run, f.name) for f in fields(run) if f.name != "task"}
    values["family"] = task.family
    for column in _TASK_COLUMNS:
        # The hierarchy has no encoding, hence no scale of one: it has the default in the tables.
        values[column] = getattr(task, names.get(column, column), INVERTIBLE_SCALE)
    return {column: values[column] for column in COLUMNS}


def run_of(record: Mapping[str, Any]) -> RunSettings:
    """The settings that a record holds; absent columns have the family's defaults.

    Raises:
        AuditError: a value is unknown or out of range, or does not fit the family.
        ValueError: a column is unknown.
    """
    unknown = sorted(set(record) - set(COLUMNS))
    if unknown:
        raise ValueError(f"unknown setting {unknown[0]!r}")
    family = record.get("family", HyperteacherSettings.family)
    choose("family", family, get_args(FamilyName))
    names = _FIELDS[family]
    task = {names.get(name, name): record[name] for name in _TASK_COLUMNS if name in record}
    if family == HierarchySettings.family:
        task.pop("invertible_scale", None)
        encoding = task.pop("encoding", NO_ENCODING)
        if encoding != NO_ENCODING:
            raise AuditError(
                "the inputs of the hierarchy family themselves identify the task, so it takes the "
                f"encoding none, not {encoding}"
            )
    rest = {name: record[name] for name in record if name not in (*_TASK_COLUMNS, "family")}
    return RunSettings(task=_TASK_TYPES[family](**task), **rest)


def described(run: RunSettings) -> str:
    """A run in a few words, for messages."""
    return (
        f"{run.task.family}, {run.task.encoding}, {run.support}, width {run.width}, depth "
        f"{run.depth}, train fraction {run.train_fraction:g}, seed {run.seed}"
    )
