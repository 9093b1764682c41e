"""What sampling takes: measured call by call, kept part by part, and joined when a run ends.

Every execution of a run has a file of its own in the folder ``cost``, whose name is drawn at
random. So a resumed run, the processes of a divided one and the shards that are merged add up, and
what is copied twice counts once. Nothing here can make a run fail.
"""

from __future__ import annotations

import shutil
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from t2i_audit.generation import Batch
from t2i_audit.generation.memory import Made
from t2i_audit.io import atomic_file, write_json
from t2i_audit.models.hardware import PeakMemory, device_label, parameters_of
from t2i_audit.models.loaded import LoadedModel
from t2i_audit.results.cost import Cost, cost_in, joined_cost, write_cost

PARTS = Path("cost")


class CostMeter:
    """Measures what one execution of a run takes for its images."""

    def __init__(self, run: Path, loaded: LoadedModel) -> None:
        """Of the run directory `run`."""
        self._run = run
        self.name = uuid.uuid4().hex
        """That no other execution has."""
        self._device = device_label(loaded.device)
        self._parameters = parameters_of(loaded.pipeline)
        self._memory = PeakMemory(loaded)
        self._seconds, self._images = 0.0, 0

    def measuring(self, sample: Callable[[Batch], Made]) -> Callable[[Batch], Made]:
        """`sample`, measured. A call that fails, as for want of memory, does not count."""

        def measured(batch: Batch) -> Made:
            self._memory.restart()
            start = time.perf_counter()
            # Its images are in the host's memory, so that the device has done its work.
            made = sample(batch)
            self._seconds += time.perf_counter() - start
            self._images += len(batch.items)
            self._memory.read()
            return made

        return measured

    @property
    def cost(self) -> Cost:
        """What was measured so far, of at least one image."""
        return Cost(
            device=self._device,
            seconds_per_image=self._seconds / self._images,
            images=self._images,
            peak_memory_bytes=self._memory.peak,
            parameters=self._parameters,
        )

    def keep(self, cost: Cost) -> None:
        """Write what this execution has taken so far, instead of what it wrote before."""
        keep_cost(self._run, self.name, cost)


def keep_cost(run: Path, name: str, cost: Cost) -> None:
    """Write what the execution `name` of a run has taken so far, instead of what was there."""
    with suppress(OSError):
        write_json(run / PARTS / f"{name}.json", cost)


def join_costs(run: Path) -> None:
    """Write what all executions of the run took together, if any was measured."""
    costs = [cost for path in sorted((run / PARTS).glob("*.json")) if (cost := cost_in(path))]
    if costs:
        with suppress(OSError):
            write_cost(run, joined_cost(costs))


def copy_costs(source: Path, run: Path) -> None:
    """Copy what the executions of another run took, whose images are copied too."""
    for path in sorted((source / PARTS).glob("*.json")):
        if not (run / PARTS / path.name).exists() and cost_in(path) is not None:
            with suppress(OSError), atomic_file(run / PARTS / path.name) as temporary:
                shutil.copyfile(path, temporary)
