"""Limiting how long idle OpenMP threads spin before they let other processes run."""

from __future__ import annotations

import os
from collections.abc import MutableMapping

SPIN_COUNT = "GOMP_SPINCOUNT"
# With GNU OpenMP's default of 300,000 an audit beside other work took seven times as long as alone.
# With this count two audits side by side take as long as one after the other, and a single audit is
# no slower (`python -m scripts.bench beside`).
ROUNDS = 3000
# If the user sets one of these, nothing is changed.
CHOSEN_BY_USER = (SPIN_COUNT, "OMP_WAIT_POLICY")


def bound_spinning(environment: MutableMapping[str, str] | None = None) -> None:
    """Limit the spinning of GNU OpenMP in this process and its children, for as long as they run.

    The library reads `environment` (this process's if None) once, when torch is first imported, so
    this must be called before; only the program's entry points do. The variable is not restored,
    because child processes read it. Other OpenMP libraries do not know it.
    """
    environment = os.environ if environment is None else environment
    if not any(name in environment for name in CHOSEN_BY_USER):
        environment[SPIN_COUNT] = str(ROUNDS)
