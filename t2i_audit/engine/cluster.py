"""A Ray cluster: whether it answers, and a quiet connection to it."""

from __future__ import annotations

import logging
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any

from prompts.errors import first_line
from t2i_audit.environment import environment
from t2i_audit.errors import AuditError
from t2i_audit.settings.engine import parse_engine

# A port that is open may belong to something else, for which Ray's own client waits for minutes.
ANSWERS_WITHIN = 30.0  # seconds
CONNECTS_WITHIN = 5.0
ADDRESS = "RAY_ADDRESS"
HEALTH_CHECK = ("-m", "ray.scripts.scripts", "health-check", "--skip-version-check", "--address")
QUIET = {"RAY_USAGE_STATS_ENABLED": "0"}  # no statistics are sent


def check_engine(engine: str) -> None:
    """Refuse an engine that is not there, before anything is loaded.

    Raises:
        AuditError: Ray is not installed, or does not answer at the address.
    """
    address = parse_engine(engine) or os.environ.get(ADDRESS, "")
    if find_spec("ray") is None:
        raise AuditError(
            f"--engine {engine} needs Ray, which is not installed; install the group ray: "
            "pip install --group ray, or pip install ray"
        )
    host, _, port = address.rpartition(":")
    if not port.isdecimal():
        return  # the Ray of this machine, which Ray finds or starts
    silent = AuditError(
        f"no Ray answers at {address}; start one there with `ray start --head`, or correct the "
        f"address in --engine ray:HOST:PORT or in the variable {ADDRESS}"
    )
    try:
        socket.create_connection((host.strip("[]"), int(port)), CONNECTS_WITHIN).close()
        # In a process of its own, as a call that gets no answer cannot be ended here.
        subprocess.run(
            [sys.executable, *HEALTH_CHECK, address],
            env={**os.environ, **QUIET},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=ANSWERS_WITHIN,
            check=True,
        )
    except (OSError, subprocess.SubprocessError) as err:
        raise silent from err


@contextmanager
def connected(engine: str) -> Iterator[None]:
    """Connect to the cluster that `engine` names, or start a Ray on this machine if there is none.

    A process that is connected already stays so.

    Raises:
        AuditError: the cluster refuses this process.
    """
    import ray

    if ray.is_initialized():
        yield
        return
    with environment(QUIET), _silent():
        before = signal.getsignal(signal.SIGTERM)
        try:
            ray.init(
                parse_engine(engine),
                include_dashboard=False,
                log_to_driver=False,
                logging_level=logging.CRITICAL,
            )
        # Ray raises many types, among them those of its network's library.
        except Exception as err:
            raise AuditError(
                f"--engine {engine}: Ray cannot be used ({first_line(err).rstrip('.')}); give the "
                "command on a machine of the cluster, with the same versions of Python and Ray"
            ) from err
        finally:
            # Ray's own ends the process at once.
            if threading.current_thread() is threading.main_thread():
                signal.signal(signal.SIGTERM, before)
        try:
            yield
        finally:
            ray.shutdown()


@contextmanager
def _silent() -> Iterator[None]:
    """Have Ray print nothing of what happens on other machines, which is in its logs as well.

    It would go to standard output, among the results. Ray's own debugger does the same.
    """
    from ray._private import worker

    before = worker._worker_logs_enabled
    worker._worker_logs_enabled = False
    try:
        yield
    finally:
        worker._worker_logs_enabled = before


def may_fit(needs: Mapping[str, float]) -> bool:
    """Whether a machine of the cluster has what an actor `needs`, busy or not, or may be added."""
    import ray
    from ray._private.state import state

    nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    config: Any = state.get_cluster_config()  # of clusters that grow; None of others
    groups = [] if config is None else [dict(each.resources) for each in config.node_group_configs]
    return any(all(has.get(key, 0) >= n for key, n in needs.items()) for has in (*nodes, *groups))
