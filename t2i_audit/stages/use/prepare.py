"""What is to be drawn anew of a finished audit, what that takes, and whether it is all there."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from prompts.structure import Prompt
from t2i_audit.analysis.use import half_width
from t2i_audit.errors import JudgeError, RunDirectoryError
from t2i_audit.generation.sampling import Sampling
from t2i_audit.interventions.intervention import Intervention
from t2i_audit.judges.base import Judge
from t2i_audit.results.run import Run
from t2i_audit.results.use import TEXT
from t2i_audit.results.use_plan import PlannedImages, UsePlan
from t2i_audit.results.verdict_rows import Row, primary_rows
from t2i_audit.run.directory import MANIFEST
from t2i_audit.run.images import image_size, image_sums
from t2i_audit.run.manifest import new_manifest
from t2i_audit.run.results import USE_RESULTS, unlike_sealed
from t2i_audit.run.same import other_versions
from t2i_audit.run.tables import read_rows, table_path
from t2i_audit.settings import AuditSettings, UseOptions
from t2i_audit.stages.files import IMAGE, ImageFile
from t2i_audit.stages.use.design import Design, design_of, wanted_in
from t2i_audit.stages.use.files import batches_of, record_shards
from t2i_audit.stages.use.limits import read_limits

HUMAN = "human"
"""The kind of judge that knows only the images that people were shown."""


def design_for(run: Run, prompts: Sequence[Prompt], options: UseOptions) -> Design:
    """What is drawn anew of `run`: what `options` ask for, and what has been drawn before.

    The prompts are those whose image from the first seed was judged, and whose words are found in
    what a text encoder gets.

    Raises:
        JudgeError: the run's judge cannot judge new images, or tells nothing about slots.
        AuditError: there is no slot or block of a name, or the prompts are too few.
    """
    settings = run.manifest.settings
    _require_seeing(settings["judge"])
    return design_of(
        readable(run, prompts),
        options,
        judgeable=own_images(own_rows(run)).keys(),
        blocks=blocks_of(run),
        seed=settings["seed"],
        before=_before(run),
        limits=read_limits(run.path),
    )


def require_own_versions(run: Run) -> None:
    """Refuse a run that was made with other versions of the libraries than are here.

    Raises:
        RunDirectoryError: it was.
    """
    others = other_versions(run.manifest, new_manifest({}, created=""))
    if others:
        raise RunDirectoryError(
            f"{run.path} was made with other versions ({others}); measure its use with the "
            "versions of the run, or audit anew"
        )


def readable(run: Run, prompts: Sequence[Prompt]) -> tuple[Prompt, ...]:
    """Those of a run's `prompts` that some text encoder gets to the end as they are."""
    rows = read_rows(table_path(run.path, "prompts"), "prompts")
    whole = {row["prompt_id"] for row in rows if "whole" in row["reading"].values()}  # type: ignore[attr-defined]
    return tuple(prompt for prompt in prompts if prompt.id in whole)


def _before(run: Run) -> dict[Intervention, int]:
    """What has been drawn anew of `run` already."""
    try:
        return wanted_in(run.manifest.use)
    except ValueError as err:
        raise RunDirectoryError(
            f"{run.path / MANIFEST} does not say what was drawn anew; restore it"
        ) from err


def require_judge(judge: Judge) -> None:
    """Refuse a judge that cannot judge images that are drawn anew.

    Raises:
        JudgeError: it knows only the images that people were shown.
    """
    _require_seeing(judge.fingerprint)


def _require_seeing(identity: Mapping[str, Any]) -> None:
    if identity.get("judge") == HUMAN:
        raise JudgeError(
            "people judge the images of the run, and nobody has seen those that would be drawn "
            "anew to measure use; judge the run with another judge by t2i-audit judge"
        )


def own_rows(run: Run) -> list[Row]:
    """The primary judge's rows of the table ``judgements``.

    Raises:
        JudgeError: it tells nothing about slots.
    """
    own = primary_rows(run)
    if not any(row["slots"] for row in own):
        raise JudgeError(
            f"judge {run.summary.judge!r} tells nothing about single slots, and use is measured "
            "slot by slot; judge the run with another judge by t2i-audit judge"
        )
    return own


def own_images(judged: Sequence[Mapping[str, Any]]) -> dict[str, ImageFile]:
    """By prompt, the run's own image from the first seed, where it was judged."""
    return {
        row["prompt_id"]: ImageFile(
            row["prompt_id"], row["seed"], row["image"], "", row["image_sha256"]
        )
        for row in judged
        if row["seed"] == 0 and row["correct"] is not None and IMAGE.fullmatch(row["image"])
    }


def blocks_of(run: Run) -> tuple[str, ...]:
    """The denoiser's blocks, as the audit recorded them; none where it did not."""
    layout = run.manifest.settings.get("denoiser_layout") or {}
    return tuple(layout.get("blocks", ()))


def sampling_of(run: Run, audit: AuditSettings) -> Sampling:
    """How the run's images were sampled, by its manifest."""
    settings = run.manifest.settings
    sampler = settings["sampler"]
    return Sampling(
        steps=sampler["steps"],
        guidance_scale=sampler["guidance_scale"],
        seeds=settings["seeds"],
        batch_size=settings["batch_size"],
        record_denoiser=False,
        options=audit.image_options,
        base_seed=settings["seed"],
        shrinks=audit.batch_size is None,
    )


def planned(run: Run, prompts: Sequence[Prompt], design: Design) -> UsePlan:
    """What is missing of `design`, by the records of what is there, and what it takes."""
    batch_size = run.manifest.settings["batch_size"]
    own = own_images(own_rows(run))
    images = [run.path / each.image for each in own.values()]
    there = [size for size in map(image_size, images) if size is not None]
    parts = []
    for part in design.parts:
        batches = batches_of(part, batch_size)
        missing = record_shards(run.path, part, len(batches)).missing()
        parts.append(
            PlannedImages(
                part.intervention.kind,
                part.intervention.slot,
                part.intervention.site,
                prompts=len(part.prompts),
                missing=sum(len(batches[index].items) for index in missing),
            )
        )
    cost = run.cost
    in_blocks = any(part.missing and part.site != TEXT for part in parts)
    fewest = min((part.prompts for part in parts), default=0)
    return UsePlan(
        model=run.summary.model,
        suite=run.summary.suite,
        judge=run.summary.judge or "",
        parts=tuple(parts),
        own_images=run.summary.n_images,
        seconds_per_image=None if cost is None else cost.seconds_per_image,
        device="" if cost is None else cost.device,
        bytes_per_image=round(sum(there) / max(len(there), 1)),
        half_width=half_width(fewest) if fewest > 1 else math.nan,
        prompts_read=len(readable(run, prompts)) if in_blocks else 0,
        notes=design.notes,
    )


def is_measured(run: Run, design: Design) -> bool:
    """Whether all of `design` was drawn, and all its files are there and unchanged."""
    measured = _before(run)
    if any(count > measured.get(each, 0) for each, count in design.wanted.items()):
        return False
    if unlike_sealed(run.path, run.manifest, USE_RESULTS):
        return False
    rows = read_rows(table_path(run.path, "use"), "use")
    sums = {str(row["image"]): str(row["image_sha256"]) for row in rows}
    # Names in a table may come from outside, and must not lead there.
    if not all(map(IMAGE.fullmatch, sums)):
        return False
    return list(image_sums([run.path / name for name in sums])) == list(sums.values())
