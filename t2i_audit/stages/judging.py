"""Every image is judged by its prompt, by one judge after the other.

The verdicts of a judge lie in ``judgements/KEY/``, a file a batch, where KEY stands for all that
the verdicts depend on. They stay there, so that no verdict is made twice, whichever judges a run
has and in which order. The table ``judgements`` is joined from them.

Nothing here needs the checkpoint: the records of the batches name the images.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from prompts.structure import Prompt
from t2i_audit import storage
from t2i_audit.generation import Batch
from t2i_audit.judges.base import Judgement, NamedImageJudge, require_readable, unjudged
from t2i_audit.judges.panel import Member, Panel, at_work
from t2i_audit.judges.room import Room
from t2i_audit.labels.label import ImageKey
from t2i_audit.reporter import Advance
from t2i_audit.run.directory import RunDirectory
from t2i_audit.run.images import TAR
from t2i_audit.run.shards import Shards
from t2i_audit.run.tables import (
    join_tables,
    read_rows,
    table_from_rows,
    table_path,
    write_table,
)
from t2i_audit.stages.engine import Engine
from t2i_audit.stages.files import (
    ImageFile,
    image_shards,
    judged_images,
    judgement_shards,
    named,
    read_record,
)
from t2i_audit.stages.images import JudgeBatch, left_by_others
from t2i_audit.stages.reading import read_pixels

# What the results need of a verdict. All columns of 400,000 images would take half a gigabyte more.
RELIED_ON = (
    "prompt_id", "seed", "image", "image_sha256", "judge", "correct", "readable", "slots", "flaw",
)  # fmt: skip

Read = Callable[[ImageFile], np.ndarray]
"""The pixels of an image, ``(h, w, 3)`` uint8."""


@dataclass(frozen=True)
class Judging:
    """How the images of a run are judged."""

    panel: Panel
    """The judges, the primary one first."""
    device: str = "cpu"
    """Where they work."""
    at_once: int | None = None
    """Most images that a judge is shown at once; None for those of a whole batch."""

    @property
    def primary(self) -> Member:
        """The judge whose verdicts the results rest on."""
        return self.panel[0]


def judge_as_made(
    run: RunDirectory, judging: Judging, prompts: Sequence[Prompt], n_batches: int
) -> JudgeBatch:
    """A function that has the primary judge judge each batch as soon as it is made.

    Args:
        run: where the judgements are kept.
        judging: the judges.
        prompts: the prompts of the images.
        n_batches: number of batches in the whole run.
    """
    work = _Work.of(run, judging, judging.primary, prompts, n_batches)

    def judge_batch(batch: Batch, images: Sequence[ImageFile], pixels: np.ndarray) -> None:
        row_of = {image: row for row, image in enumerate(images)}
        work.judge(batch.index, images, lambda image: pixels[row_of[image]])

    return judge_batch


def judge_images(
    run: RunDirectory,
    judging: Judging,
    prompts: Sequence[Prompt],
    batches: Sequence[Batch],
    *,
    engine: Engine | None = None,
) -> list[dict[str, Any]]:
    """Judge what is not judged yet, and join all into the table ``judgements``.

    An `engine` judges, if there is one, by the judges that it takes; all else is judged here.
    Images of prompts that a judge cannot judge get a row without a verdict.

    Returns:
        The rows of the table with the columns `RELIED_ON`: all of the primary judge's, then all of
        the next one's.

    Raises:
        JudgeError: a judge could not read a single image.
        ModelError: every image has a flaw, so there was none to read.
    """
    _judge(run, judging, prompts, batches, engine)
    paths = [
        path
        for member in judging.panel
        for path in judgement_shards(run.path, member.key, len(batches)).paths()
    ]
    table = table_path(run.path, "judgements")
    join_tables(paths, "judgements", table)
    return read_rows(table, "judgements", columns=RELIED_ON)


def judge_own_images(
    run: RunDirectory, judging: Judging, prompts: Sequence[Prompt], batches: Sequence[Batch]
) -> None:
    """Judge those batches that this process makes, where another one finishes the run."""
    _judge(run, judging, prompts, [batch for batch in batches if run.worker.owns(batch.index)])


def _judge(
    run: RunDirectory,
    judging: Judging,
    prompts: Sequence[Prompt],
    batches: Sequence[Batch],
    engine: Engine | None = None,
) -> None:
    count = 1 + max((batch.index for batch in batches), default=-1)
    works = [_Work.of(run, judging, member, prompts, count) for member in judging.panel]
    total = len(works) * sum(len(batch.items) for batch in batches)
    missing = [work.missing(batches) for work in works]
    left = sum(len(batch.items) for each in missing for batch in each)
    with run.stage("judge", total, done=total - left) as advance:
        for work, todo in zip(works, missing, strict=True):
            if todo and engine is not None and engine.judges(work.member):
                work.judge_through(engine, todo, advance)
            elif todo:
                with at_work(judging.panel, work.member, judging.device):
                    work.judge_all(todo, advance)
            if run.worker.finishes:
                work.require_readable(batches, count_flaws=work is works[0])


@dataclass(frozen=True, eq=False)
class _Work:
    """What one judge does in one run."""

    run: RunDirectory
    member: Member
    prompts: Mapping[str, Prompt]
    images: Shards
    verdicts: Shards
    room: Room = field(repr=False)

    @classmethod
    def of(
        cls,
        run: RunDirectory,
        judging: Judging,
        member: Member,
        prompts: Sequence[Prompt],
        n_batches: int,
    ) -> _Work:
        """The work of `member`; its folder is made."""
        verdicts = judgement_shards(run.path, member.key, n_batches)
        verdicts.folder.mkdir(parents=True, exist_ok=True)
        room = Room(verdicts.folder, judging.at_once, run.reporter)
        images = image_shards(run.path, n_batches)
        by_id = {prompt.id: prompt for prompt in prompts}
        return cls(run, member, by_id, images, verdicts, room)

    def missing(self, batches: Sequence[Batch]) -> list[Batch]:
        """Those of `batches` that are not judged; damaged verdicts are deleted and reported."""
        return [batch for batch in batches if not self._is_judged(batch)]

    def judge_all(self, todo: Sequence[Batch], advance: Advance) -> None:
        """Judge `todo`; what other processes are at work on is left to them while they live."""
        mine = [batch for batch in todo if self.run.worker.owns(batch.index)]
        others = [batch for batch in todo if not self.run.worker.owns(batch.index)]
        for batch in mine:
            self._judge_made(batch)
            advance(len(batch.items))
        for batch in left_by_others(self.run, others, self.verdicts, advance):
            self._judge_made(batch)
            advance(len(batch.items))
        for batch in self.missing(others):
            self._judge_made(batch)

    def judge_through(self, engine: Engine, todo: Sequence[Batch], advance: Advance) -> None:
        """Have an engine judge `todo`, and keep the verdicts."""
        for batch, rows in engine.judge(self.member, todo, self._pixels_of):
            self._keep(batch.index, rows)
            advance(len(batch.items))

    def judge(self, index: int, images: Sequence[ImageFile], read: Read) -> None:
        """Judge the images of one batch, and keep the verdicts."""
        self._keep(index, self._rows(images, read))

    def require_readable(self, batches: Sequence[Batch], *, count_flaws: bool) -> None:
        """Refuse verdicts of which none rests on an image that the judge could read."""
        rows = [
            row
            for batch in batches
            for row in read_rows(
                self.verdicts.path(batch.index), "judgements", columns=("readable", "flaw")
            )
        ]
        flaws = Counter(str(row["flaw"]) for row in rows if row["flaw"])
        if count_flaws:
            self.run.count_flaws(flaws)
        require_readable(
            [bool(row["readable"]) for row in rows],
            judge=self.member.name,
            flaws=flaws,
            dtype=str(self.run.manifest.settings.get("dtype")),
        )

    def _is_judged(self, batch: Batch) -> bool:
        path = self.verdicts.path(batch.index)
        if not path.exists():
            return False
        images = read_record(self.images.path(batch.index)).images
        judged = judged_images(path)
        if judged == [named(image) for image in images]:
            return True
        if judged is None:
            note = f"{path} is damaged; its {len(images)} images are judged again"
            self.run.reporter.note(note)
        storage.remove(path)  # it may also be on images that were made again
        return False

    def _judge_made(self, batch: Batch) -> None:
        self.judge(batch.index, *self._made(batch))

    def _pixels_of(self, batch: Batch) -> dict[ImageFile, np.ndarray]:
        images, read = self._made(batch)
        return {image: read(image) for image in images}

    def _made(self, batch: Batch) -> tuple[Sequence[ImageFile], Read]:
        """The images of `batch`, and what reads the pixels of one of them."""
        record = self.images.path(batch.index)
        shard = record.with_suffix(TAR)
        return read_record(record).images, partial(read_pixels, self.run.path, shard=shard)

    def _keep(self, index: int, rows: list[dict[str, Any]]) -> None:
        write_table(self.verdicts.path(index), "judgements", table_from_rows("judgements", rows))

    def _rows(self, images: Sequence[ImageFile], read: Read) -> list[dict[str, Any]]:
        return judged_rows(self.member, self.room, self.prompts, images, read)


def judged_rows(
    member: Member,
    room: Room,
    prompts: Mapping[str, Prompt],
    images: Sequence[ImageFile],
    read: Read,
) -> list[dict[str, Any]]:
    """Rows of the table ``judgements``: the verdicts of `member` on `images`.

    Args:
        member: the judge.
        room: how many images it is shown at once.
        prompts: by id, what each image is judged by.
        images: with their prompts' ids.
        read: the pixels of an image.
    """
    # A flaw of the image comes first, as no judge can judge such an image.
    unjudgeable = member.scope.unjudgeable
    flaws = [image.flaw or unjudgeable.get(image.prompt_id, "") for image in images]
    verdicts: dict[ImageFile, Judgement] = {
        image: unjudged(flaw) for image, flaw in zip(images, flaws, strict=True) if flaw
    }
    sound = [image for image, flaw in zip(images, flaws, strict=True) if not flaw]
    own = [prompts[image.prompt_id] for image in sound]
    if isinstance(member.judge, NamedImageJudge):
        judged = member.judge.judge_images([_key(image) for image in sound], own)
    else:
        judged = room.judge(member.judge, own, lambda row: read(sound[row]))
    verdicts |= dict(zip(sound, judged, strict=True))
    return [_row(image, member.name, verdicts[image]) for image in images]


def _key(image: ImageFile) -> ImageKey:
    return ImageKey(image.prompt_id, image.seed, (image.image,), image.sha256)


def _row(image: ImageFile, judge: str, verdict: Judgement) -> dict[str, Any]:
    return {
        "prompt_id": image.prompt_id,
        "seed": image.seed,
        "image": image.image,
        "image_sha256": image.sha256,
        "judge": judge,
        "correct": verdict.correct,
        "readable": verdict.readable,
        "margin": verdict.margin,
        "chosen": verdict.chosen,
        "slots": dict(verdict.slots),
        "probability": verdict.probability,
        "slot_probabilities": dict(verdict.slot_probabilities),
        "scores": dict(verdict.scores),
        "flaw": verdict.flaw or None,
    }
