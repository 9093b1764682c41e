"""Use measured on a finished audit: images drawn anew, judged, and what they show."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from t2i_audit.analysis.use import use_of
from t2i_audit.reporter import Reporter
from t2i_audit.results.run import Run
from t2i_audit.results.use import USE, Use, write_use
from t2i_audit.run.directory import RunDirectory, open_run
from t2i_audit.run.space import require_space
from t2i_audit.run.tables import read_rows, table_from_rows, table_path, write_table
from t2i_audit.stages.files import ImageFile, read_record
from t2i_audit.stages.use.design import Design
from t2i_audit.stages.use.drawing import Drawing
from t2i_audit.stages.use.files import batches_of, record_shards
from t2i_audit.stages.use.judging import Judging
from t2i_audit.stages.use.prepare import own_images, own_rows, planned
from t2i_audit.stages.use.redraw import require_same_images
from t2i_audit.stages.use.subject import Subject

STAGE = "use"
"""The name by which progress is reported."""


def measure_use(run: Run, subject: Subject, design: Design, reporter: Reporter) -> Use:
    """Draw anew and judge what is missing of `design`, and say what it shows.

    Everything is kept batch by batch, so that the same call goes on after an interruption and ends
    with the same files.

    Args:
        run: a finished audit.
        subject: its model and judge.
        design: what is drawn anew.
        reporter: receives notes and progress.

    Raises:
        ModelError: the model does not make the run's own images any more, or cannot be changed.
        JudgeError: the judge tells nothing about slots.
        RunDirectoryError: another process is at work in the run.
    """
    manifest = run.manifest
    with open_run(
        run.path,
        manifest.settings,
        stages=tuple(manifest.stages),
        versions=manifest.versions,
        reporter=reporter,
    ) as directory:
        judged = own_rows(run)
        images = own_images(judged)
        sampler = manifest.settings["sampler"]
        warning = require_space(
            run.path,
            planned(run, subject.prompts, design).missing,
            sampler["height"],
            sampler["width"],
            fewer="--use-prompts",
        )
        if warning:
            reporter.note(warning)
        own_noise = require_same_images(directory, subject)
        drawing = Drawing(directory, subject, design.parts)
        drawn = design.within(drawing.limits)
        rows = _rows(directory, subject, drawn, drawing, images)
        write_table(table_path(run.path, "use"), "use", table_from_rows("use", rows))
        use = use_of(
            subject.prompts,
            judged,
            rows,
            summary=run.summary,
            decodability=read_rows(table_path(run.path, "decodability"), "decodability"),
            seed=subject.sampling.base_seed,
        )
        use = replace(use, notes=(*use.notes, *drawn.notes, *drawing.limits.notes, *own_noise))
        write_use(run.path, use)
        files = [run.path / USE, table_path(run.path, "use")]
        directory.keep_use(design.record, files)
    return use


def _rows(
    run: RunDirectory,
    subject: Subject,
    design: Design,
    drawing: Drawing,
    own: Mapping[str, ImageFile],
) -> list[dict[str, Any]]:
    """Rows of the table ``use``, for which the missing images are drawn."""
    size = subject.sampling.batch_size
    total = sum(len(part.prompts) for part in design.parts)
    missing = sum(
        len(batch.items)
        for part in design.parts
        for batch in batches_of(part, size)
        if batch.index in drawing.missing[part.intervention]
    )
    changed, unchanged = [], []
    with run.reporter.stage(STAGE, total, done=total - missing) as advance:
        for part in design.parts:
            batches = batches_of(part, size)
            records = record_shards(run.path, part, len(batches))
            judging = Judging(run, subject, part, len(batches))
            for batch in batches:
                if batch.index in drawing.missing[part.intervention]:
                    images, sampled = drawing.images(part, batch)
                    pixels = dict(zip(images, sampled.images, strict=True))
                    changed += judging.changed(batch, images, pixels.__getitem__)
                    advance(len(batch.items))
                else:
                    images = read_record(records.path(batch.index)).images
                    changed += judging.changed(batch, images, judging.from_file)
                if part.intervention.kind == "steer":
                    unchanged += judging.unchanged(batch, own)
    return [*changed, *unchanged]
