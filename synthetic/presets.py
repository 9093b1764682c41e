"""The settings that ``train`` and ``encodings`` start from."""

from __future__ import annotations

from typing import Any, get_args

from synthetic.records import record_of, run_of
from synthetic.settings import (
    FamilyName,
    HierarchySettings,
    HyperteacherSettings,
    PreferenceSettings,
    RunSettings,
    choose,
)
from t2i_audit.errors import AuditError

# Settings that show the phenomenon within seconds on one core.
SMALL: dict[str, RunSettings] = {
    "hyperteacher": RunSettings(HyperteacherSettings(active=3), samples=4),
    "preference": RunSettings(
        PreferenceSettings(modules=8, active=3, features=4),
        width=256,
        depth=2,
        samples=6,
        weight_decay=1e-3,
    ),
    "hierarchy": RunSettings(
        HierarchySettings(symbols=6, synonyms=3, levels=3),
        codes="k-hot",
        tasks=256,
        samples=1,
        steps=1000,
    ),
}

# Standard deviation of the invertible encoding's weights in the paper's code; ours is larger.
PAPER_INVERTIBLE_SCALE = 0.1
# The full settings of arXiv 2507.07207: experimental setup and official configuration.
PAPER: dict[str, RunSettings] = {
    "hyperteacher": RunSettings(
        HyperteacherSettings(
            modules=16, active=3, size=16, invertible_scale=PAPER_INVERTIBLE_SCALE
        ),
        width=1024,
        depth=4,
        steps=300_000,
        tasks=128,
        samples=16,
        learning_rate=3e-4,
        schedule="constant",
        weight_decay=3e-3,
    ),
    "preference": RunSettings(
        PreferenceSettings(
            modules=16, active=3, features=32, invertible_scale=PAPER_INVERTIBLE_SCALE
        ),
        width=1024,
        depth=2,
        steps=3_000_000,
        tasks=128,
        samples=8,
        learning_rate=1e-4,
        schedule="constant",
        weight_decay=1e-3,
    ),
}
# Two hours on two cores for three seeds of every encoding: tasks of as many modules as the paper's,
# of half their size, and students of a quarter of the width.
THOROUGH: dict[str, RunSettings] = {
    "hyperteacher": RunSettings(
        HyperteacherSettings(modules=16, active=3, size=8),
        width=256,
        depth=3,
        steps=160_000,
        tasks=128,
        samples=4,
        learning_rate=2e-3,
    ),
}
PRESETS = {"small": SMALL, "thorough": THOROUGH, "paper": PAPER}


def preset_settings(preset: str, *, family: str, **changes: Any) -> RunSettings:
    """The settings of a preset with `changes` to columns of the record.

    Raises:
        AuditError: there is no such preset or family, or a change is out of range.
    """
    choose("preset", preset, PRESETS)
    choose("family", family, get_args(FamilyName))
    runs = PRESETS[preset]
    if family not in runs:
        raise AuditError(
            f"the preset {preset} has no {family} family; give --family {' or '.join(runs)}"
        )
    if family == "hierarchy" and changes.get("encoding") == "identity":
        # The command line's defaults fit the other families; the hierarchy keeps its own.
        changes = {name: changes[name] for name in changes if name not in ("encoding", "codes")}
    return run_of({**record_of(runs[family]), **changes})
