"""A Ray cluster of two nodes on this machine, for `scripts.engine_faults`, and ways to break it.

It runs in a process of its own, as the harness forks its audits and threads do not survive a fork.

    python -m scripts.fault_cluster
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

STORE = 100 << 20  # bytes of each node's object store
ACTOR = b"ray::AuditActor"  # what Ray calls the process of an actor
LOSE, RESTORE = "lose", "restore"


@dataclass(frozen=True)
class Nodes:
    """The cluster that a process of this module holds."""

    process: subprocess.Popen[str]
    address: str

    def lose_one(self) -> None:
        """Kill the node that is not the head, with all that runs there."""
        self._tell(LOSE)

    def restore(self) -> None:
        """Start that node again, if it is lost."""
        self._tell(RESTORE)

    def kill_actor(self, rng: random.Random) -> bool:
        """Kill the process of an actor drawn at random; returns whether there was one."""
        actors = sorted(self._actors())
        if actors:
            os.kill(rng.choice(actors), signal.SIGKILL)
        return bool(actors)

    def _actors(self) -> Iterator[int]:
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                named = (folder / "cmdline").read_bytes().startswith(ACTOR)
                if named and self.process.pid in _ancestors(int(folder.name)):
                    yield int(folder.name)
            except OSError:
                continue  # it has just ended

    def _tell(self, order: str) -> None:
        _write(self.process.stdin, order)
        assert self.process.stdout is not None
        if self.process.stdout.readline().strip() != order:
            raise SystemExit("the process of the Ray cluster has ended")


@contextmanager
def two_nodes() -> Iterator[Nodes]:
    """A cluster of two nodes with one processor each, for as long as the block runs."""
    process = subprocess.Popen(
        [sys.executable, "-m", "scripts.fault_cluster"],
        env={**os.environ, "RAY_USAGE_STATS_ENABLED": "0"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        encoding="utf-8",
    )
    try:
        assert process.stdout is not None
        yield Nodes(process, process.stdout.readline().strip())
    finally:
        assert process.stdin is not None
        process.stdin.close()
        process.wait()


def _ancestors(process: int) -> Iterator[int]:
    while process > 1:
        # The second field is the name in parentheses, which may hold spaces.
        stat = Path(f"/proc/{process}/stat").read_text(encoding="utf-8")
        process = int(stat.rpartition(")")[2].split()[1])
        yield process


def _write(stream: IO[str] | None, line: str) -> None:
    assert stream is not None
    stream.write(f"{line}\n")
    stream.flush()


def main() -> int:
    """Hold a cluster until standard input ends; each line of it is an order."""
    # Ray's processes must not write among the answers.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    from ray.cluster_utils import Cluster

    head = {"num_cpus": 1, "object_store_memory": STORE, "include_dashboard": False}
    cluster = Cluster(initialize_head=True, head_node_args=head)
    other = cluster.add_node(num_cpus=1, object_store_memory=STORE)
    _write(answers, cluster.address)
    for line in sys.stdin:
        if line.strip() == LOSE:
            cluster.remove_node(other, allow_graceful=False)
        elif other not in cluster.worker_nodes:
            other = cluster.add_node(num_cpus=1, object_store_memory=STORE)
        _write(answers, line.strip())
    cluster.shutdown()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
