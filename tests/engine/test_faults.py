"""The harness that loses actors, nodes and drivers at random points."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest


@pytest.mark.slow
def test_audits_that_lose_actors_nodes_and_drivers_end_the_same() -> None:
    pytest.importorskip("ray")
    # Three audits, each struck at three stages.
    words = ["--engine", "ray", "--points", "9", "--seed", "3"]
    harness = [sys.executable, "-m", "scripts.faults", *words]

    done = subprocess.run(harness, capture_output=True, text=True, timeout=1800)

    assert done.returncode == 0, done.stdout + done.stderr
    kills = re.search(r"9 points \(seed 3\): (\d+) kills", done.stdout)
    assert kills is not None and int(kills[1]) >= 6  # a stage may end too soon
