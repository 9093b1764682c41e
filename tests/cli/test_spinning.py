"""Threads that wait leave the machine to others, unless the user says otherwise."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from t2i_audit.spinning import CHOSEN_BY_USER, ROUNDS, bound_spinning

# GNU OpenMP prints the settings that it took when it is loaded.
STARTS_TORCH = "from t2i_audit.cli.main import main; main(['--version']); import torch"


def settings_of_openmp(**chosen: str) -> str:
    environment = {name: value for name, value in os.environ.items() if name not in CHOSEN_BY_USER}
    done = subprocess.run(
        [sys.executable, "-c", STARTS_TORCH],
        env={**environment, "OMP_DISPLAY_ENV": "VERBOSE", **chosen},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stderr


def test_the_program_bounds_the_spinning_of_torch() -> None:
    settings = settings_of_openmp()
    if "GOMP_SPINCOUNT" not in settings:
        pytest.skip("torch is built with another OpenMP here")

    assert f"GOMP_SPINCOUNT = '{ROUNDS}'" in settings


@pytest.mark.parametrize("chosen", [{"GOMP_SPINCOUNT": "7"}, {"OMP_WAIT_POLICY": "ACTIVE"}])
def test_what_the_user_has_set_stays(chosen: dict[str, str]) -> None:
    environment = dict(chosen)

    bound_spinning(environment)

    assert environment == chosen


def test_the_processes_of_the_tests_are_bounded_too() -> None:
    assert any(name in os.environ for name in CHOSEN_BY_USER)
