"""The batches of processes that have died: taken over in turn, without looking at all each time."""

from __future__ import annotations

from pathlib import Path

import pytest

from t2i_audit.generation import Batch
from t2i_audit.run.directory import open_run
from t2i_audit.run.shards import Shards
from t2i_audit.stages.images import left_by_others
from t2i_audit.workers import Worker

BATCHES = 300


class CountingShards(Shards):
    """Counts how often a batch is looked for."""

    looked = 0

    def path(self, batch: int) -> Path:
        type(self).looked += 1
        return super().path(batch)


def test_a_dead_process_costs_a_few_looks_at_each_of_its_batches(tmp_path: Path) -> None:
    shards = CountingShards(tmp_path / "images", 2 * BATCHES, suffix=".json")
    shards.folder.mkdir()
    waiting = [Batch(2 * number + 1, ()) for number in range(BATCHES)]
    taken = []

    with open_run(tmp_path / "run", {}, worker=Worker(0, 2), versions={}) as run:
        for batch in left_by_others(run, waiting, shards, lambda count: None):
            taken.append(batch.index)
            shards.path(batch.index).write_text("")

    assert taken == [batch.index for batch in waiting]
    assert CountingShards.looked <= 4 * BATCHES


@pytest.mark.parametrize("made", [1, BATCHES // 2])
def test_what_was_made_in_the_meantime_is_not_made_again(tmp_path: Path, made: int) -> None:
    shards = Shards(tmp_path / "images", 2 * BATCHES, suffix=".json")
    shards.folder.mkdir()
    waiting = [Batch(2 * number + 1, ()) for number in range(BATCHES)]
    taken = []

    with open_run(tmp_path / "run", {}, worker=Worker(0, 2), versions={}) as run:
        for batch in left_by_others(run, waiting, shards, lambda count: None):
            taken.append(batch.index)
            for other in waiting[-made:]:  # a process that has come late
                shards.path(other.index).write_text("")
            shards.path(batch.index).write_text("")

    assert taken == [batch.index for batch in waiting[:-made]]
