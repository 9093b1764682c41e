"""Images drawn anew while something is changed, kept batch by batch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from prompts.structure import slot_names
from t2i_audit.generation import Batch
from t2i_audit.generation.memory import Made, Parts
from t2i_audit.generation.sampler import Sampled
from t2i_audit.generation.sampling import sampler_of
from t2i_audit.interventions.intervention import Intervention
from t2i_audit.results.use import TEXT
from t2i_audit.run.directory import RunDirectory
from t2i_audit.stages.damage import drop_damaged
from t2i_audit.stages.files import ImageFile, Record, write_record
from t2i_audit.stages.image_files import write_images
from t2i_audit.stages.use.design import Part
from t2i_audit.stages.use.files import USE, batches_of, image_folder, record_shards
from t2i_audit.stages.use.limits import read_limits, write_limits
from t2i_audit.stages.use.subject import Subject

FITTING = "fit erasers"


class Changes(Protocol):
    """What carries out changes, at the text or at blocks."""

    def applied(
        self, intervention: Intervention, batch: Batch, targets: Mapping[str, str]
    ) -> AbstractContextManager[None]:
        """While it is entered, images of `batch` are sampled with the change."""
        ...


class Drawing:
    """Draws the images of parts that are missing."""

    def __init__(self, run: RunDirectory, subject: Subject, parts: Sequence[Part]) -> None:
        """Find what is missing, and fit what carries out the changes of that.

        Damaged files are reported and count as missing.
        """
        self._run, self._subject = run, subject
        self.missing = {part.intervention: self._missing(part) for part in parts}
        self._changes: dict[bool, Changes] = {}
        sites = [each.site for each, batches in self.missing.items() if batches]
        if sites:
            # In a folder of its own, as the run remembers what its own images need.
            sampling = subject.sampling
            folder = run.path / USE
            folder.mkdir(exist_ok=True)
            self._room = Parts(subject.loaded, folder, sampling.batch_size, sampling.shrinks)
            self._sample = sampler_of(subject.loaded, sampling, None, steps=sampling.steps)
        self.limits = read_limits(run.path)
        """What cannot be drawn."""
        if TEXT in sites:
            self._changes[True] = self._fit_text()
        blocks = tuple(dict.fromkeys(site for site in sites if site != TEXT))
        if blocks:
            self._changes[False] = self._fit_blocks(blocks)
        if sites:
            write_limits(run.path, self.limits)

    def images(self, part: Part, batch: Batch) -> tuple[tuple[ImageFile, ...], Sampled]:
        """Draw and keep one batch of `part`; its record comes last."""
        one, row_of = part.intervention, self._subject.row_of
        changes = self._changes[one.site == TEXT]

        def sample(items: Batch) -> Made:
            with changes.applied(one, items, part.targets):
                return self._sample(items)

        sampled, _ = self._room.sample(batch, sample)
        images = write_images(self._run.path, image_folder(one), batch, sampled, row_of=row_of)
        write_record(self._record(part, batch), Record(images, None))
        return images, sampled

    def _missing(self, part: Part) -> frozenset[int]:
        batches = batches_of(part, self._subject.sampling.batch_size)
        shards = record_shards(self._run.path, part, len(batches))
        drop_damaged(self._run.path, batches, shards, self._run.reporter)
        return frozenset(shards.missing())

    def _record(self, part: Part, batch: Batch) -> Path:
        return record_shards(self._run.path, part, batch.index + 1).path(batch.index)

    def _fit_text(self) -> Changes:
        from t2i_audit.interventions.text import TextInterventions

        subject = self._subject
        with self._run.reporter.stage(FITTING, len(subject.readable)) as advance:
            fitted = TextInterventions.fit(
                subject.loaded,
                subject.readable,
                subject.sampling,
                seed=subject.sampling.base_seed,
                on_batch=advance,
            )
        self.limits = self.limits.and_of(TEXT, fitted.refused, fitted.notes)
        return fitted

    def _fit_blocks(self, blocks: Sequence[str]) -> Changes:
        from t2i_audit.interventions.blocks import BlockInterventions

        subject = self._subject
        with self._run.reporter.stage(f"{FITTING} in blocks", len(subject.readable)) as advance:
            fitted = BlockInterventions.fit(
                subject.loaded,
                subject.readable,
                replace(subject.sampling, record_denoiser=True),
                seed=subject.sampling.base_seed,
                on_batch=advance,
            )
        slots = slot_names(subject.readable)
        for block in blocks:
            absent = f"Nothing can be erased in {block}, in which the image was not found"
            refused = fitted.refused if block in fitted.sites else dict.fromkeys(slots, absent)
            self.limits = self.limits.and_of(block, refused)
        return fitted
