"""How long threads of OpenMP spin while they wait for work, before they let other processes run."""

from __future__ import annotations

import os
from collections.abc import MutableMapping

SPIN_COUNT = "GOMP_SPINCOUNT"
# With GNU OpenMP's own count of 300,000 an audit beside other work took seven times as long as
# alone; with this one two audits side by side take as long as one after the other, and a single
# one is no slower (`python -m scripts.bench beside`).
ROUNDS = 3000
# What a user sets by hand decides instead.
CHOSEN_BY_USER = (SPIN_COUNT, "OMP_WAIT_POLICY")


def bound_spinning(environment: MutableMapping[str, str] | None = None) -> None:
    """Bound the spinning of GNU OpenMP in this process and its children.

    The library reads `environment` (this process's if None) once, when torch is first imported, so
    this must come before. Other OpenMP libraries do not know the variable.
    """
    environment = os.environ if environment is None else environment
    if not any(name in environment for name in CHOSEN_BY_USER):
        environment[SPIN_COUNT] = str(ROUNDS)
