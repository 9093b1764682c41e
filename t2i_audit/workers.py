"""Which of a run's batches a process makes.

Batches are cut once, whatever the number of processes, and process i of N makes every N-th. So the
processes need not communicate: what is done is what the run directory holds.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass

from t2i_audit.errors import AuditError

# Set by `accelerate launch`, torchrun and every launcher that starts processes for torch.
RANK, WORLD_SIZE, LOCAL_RANK = "RANK", "WORLD_SIZE", "LOCAL_RANK"
SHARD = re.compile(r"([1-9][0-9]*)/([1-9][0-9]*)")


@dataclass(frozen=True)
class Worker:
    """One process's part of the batches; by default all of them."""

    index: int = 0
    """From 0."""
    count: int = 1
    finishes: bool = True
    """Whether this process waits for the others and makes the tables."""
    speaks: bool = True
    """Whether this process shows progress; one does so for all that were launched together."""

    @property
    def is_whole(self) -> bool:
        """Whether there is no other process."""
        return self.count == 1

    def owns(self, batch: int) -> bool:
        """Whether this process makes `batch`."""
        return batch % self.count == self.index


ALONE = Worker()


def this_worker(shard: str | None, environment: Mapping[str, str] | None = None) -> Worker:
    """The worker that ``--shard I/N`` and the launcher's environment variables give together.

    A launch of W processes that is shard I of N makes parts (I - 1) W to I W - 1 of N W. Without a
    shard, the process of rank 0 finishes the run; with one, `t2i-audit merge` does.

    Raises:
        AuditError: `shard` is not I/N with I from 1 to N, or the variables are not such numbers.
    """
    environment = os.environ if environment is None else environment
    try:
        rank, world = int(environment.get(RANK, "0")), int(environment.get(WORLD_SIZE, "1"))
    except ValueError as err:
        raise AuditError(f"{RANK} and {WORLD_SIZE} should be whole numbers: {err}") from err
    if not 0 <= rank < world:
        raise AuditError(f"{RANK} should be from 0 to {WORLD_SIZE} - 1, not {rank} of {world}")
    if shard is None:
        return Worker(rank, world, finishes=rank == 0, speaks=rank == 0)
    number, count = parse_shard(shard)
    return Worker((number - 1) * world + rank, count * world, finishes=False, speaks=rank == 0)


def parse_shard(shard: str) -> tuple[int, int]:
    """I and N of ``I/N``, I from 1.

    Raises:
        AuditError: it is something else.
    """
    match = SHARD.fullmatch(shard)
    if match is None or int(match[1]) > int(match[2]):
        raise AuditError(f"--shard should be I/N with I from 1 to N, like 1/8, not {shard!r}")
    return int(match[1]), int(match[2])


def local_rank(environment: Mapping[str, str] | None = None) -> int:
    """The number of the device that this process uses on its machine."""
    environment = os.environ if environment is None else environment
    value = environment.get(LOCAL_RANK, "0")
    return int(value) if value.isdecimal() else 0
