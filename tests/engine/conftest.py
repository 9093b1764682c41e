"""A Ray cluster of two nodes on this machine, and what one process makes of the same audit."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from t2i_audit.cli.main import main
from tests.audit.small import arguments, write_small_suite

STORE = 100 << 20  # bytes of each node's object store


@dataclass
class TwoNodes:
    """The cluster, whose head stays."""

    cluster: Any
    other: Any

    @property
    def engine(self) -> str:
        """As the option takes it."""
        return f"ray:{self.cluster.address}"

    def lose_one(self) -> None:
        """Kill all processes of one node."""
        self.cluster.remove_node(self.other, allow_graceful=False)

    def have_two(self) -> None:
        """Start the node that was lost."""
        if self.other not in self.cluster.worker_nodes:
            self.other = self.cluster.add_node(num_cpus=1, object_store_memory=STORE)


@pytest.fixture(scope="session")
def ray_nodes() -> Iterator[TwoNodes]:
    pytest.importorskip("ray")
    # Actors of a lower priority would wait for the tests beside these.
    os.environ |= {"RAY_USAGE_STATS_ENABLED": "0", "RAY_worker_niceness": "0"}
    from ray.cluster_utils import Cluster

    head = {"num_cpus": 1, "object_store_memory": STORE, "include_dashboard": False}
    cluster = Cluster(initialize_head=True, head_node_args=head)
    other = cluster.add_node(num_cpus=1, object_store_memory=STORE)
    yield TwoNodes(cluster, other)
    cluster.shutdown()


@pytest.fixture
def two_nodes(ray_nodes: TwoNodes, one_thread: None) -> TwoNodes:
    ray_nodes.have_two()
    return ray_nodes


@pytest.fixture(scope="session")
def one_thread() -> Iterator[None]:
    """Every node has one processor, and a process rounds by the number of its threads."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def suite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_small_suite(tmp_path_factory.mktemp("suite"))


@pytest.fixture(scope="session")
def whole(suite: Path, one_thread: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What one process makes."""
    out = tmp_path_factory.mktemp("runs") / "whole"
    assert main(arguments(suite, out, "--judge", "oracle,clip")) == 0
    return out
