"""The verdicts of a run's judge on images drawn anew, kept batch by batch."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from t2i_audit.generation import Batch
from t2i_audit.judges.room import Room
from t2i_audit.results.use import UNCHANGED
from t2i_audit.run.directory import RunDirectory
from t2i_audit.run.shards import Shards
from t2i_audit.run.tables import read_rows, table_from_rows, write_table
from t2i_audit.stages.files import ImageFile, is_judged
from t2i_audit.stages.judging import judged_rows
from t2i_audit.stages.reading import read_pixels
from t2i_audit.stages.use.design import Part
from t2i_audit.stages.use.files import key_of, verdict_shards
from t2i_audit.stages.use.subject import Rows, Subject

Read = Callable[[ImageFile], np.ndarray]


class Judging:
    """Judges images, unless its verdicts on them are there already."""

    def __init__(self, run: RunDirectory, subject: Subject, part: Part, batches: int) -> None:
        """The judge of the run, for the images of `part`."""
        self._run = run
        self._part = part
        self._prompts = {prompt.id: prompt for prompt in part.judged}
        judge = subject.judge
        # A prompt with another value may be one that the judge cannot judge.
        self._member = replace(judge, scope=judge.judge.scope(part.judged))
        key, one = judge.key, part.intervention
        self._changed = verdict_shards(run.path, key, key_of(one), batches)
        self._unchanged = verdict_shards(
            run.path, key, key_of(replace(one, site=UNCHANGED)), batches
        )
        self._room = Room(self._changed.folder, subject.judged_at_once, run.reporter)

    def changed(
        self, batch: Batch, images: Sequence[ImageFile], read: Read
    ) -> list[dict[str, Any]]:
        """Rows of the table ``use`` for the changed images of `batch`."""
        rows = self._verdicts(self._changed, batch, images, read)
        return list(self._rows(rows, self._part.intervention.site))

    def unchanged(self, batch: Batch, own: Mapping[str, ImageFile]) -> list[dict[str, Any]]:
        """The same for the run's own images, by prompt, judged by the other values."""
        images = [own[item.prompt.id] for item in batch.items if item.prompt.id in own]
        read = self.from_file
        return list(self._rows(self._verdicts(self._unchanged, batch, images, read), UNCHANGED))

    def from_file(self, image: ImageFile) -> np.ndarray:
        """The pixels of an image that is there."""
        return read_pixels(self._run.path, image)

    def _verdicts(
        self, shards: Shards, batch: Batch, images: Sequence[ImageFile], read: Read
    ) -> list[dict[str, Any]]:
        path = shards.path(batch.index)
        if path.exists() and is_judged(path, images):
            return read_rows(path, "judgements")
        path.parent.mkdir(parents=True, exist_ok=True)
        rows = judged_rows(self._member, self._room, self._prompts, images, read)
        write_table(path, "judgements", table_from_rows("judgements", rows))
        return rows

    def _rows(self, judged: Rows, site: str) -> Iterator[dict[str, Any]]:
        one, targets = self._part.intervention, self._part.targets
        for row in judged:
            yield {
                "prompt_id": row["prompt_id"],
                "seed": row["seed"],
                "site": site,
                "kind": one.kind,
                "slot": one.slot,
                "target": targets.get(row["prompt_id"]),
                "correct": row["correct"],
                "slots": row["slots"],
                "image": row["image"],
                "image_sha256": row["image_sha256"],
            }
