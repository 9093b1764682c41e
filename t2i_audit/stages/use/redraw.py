"""Whether a model still makes a run's own images, which those drawn anew stand beside."""

from __future__ import annotations

from typing import Any

import numpy as np

from t2i_audit.errors import ModelError, RunDirectoryError
from t2i_audit.generation import cut_batches
from t2i_audit.generation.memory import Parts
from t2i_audit.generation.sampling import sampler_of
from t2i_audit.images.decode import pixels_in
from t2i_audit.io import read_json, write_json
from t2i_audit.models.hardware import device_label
from t2i_audit.printable import counted
from t2i_audit.run.directory import RunDirectory
from t2i_audit.stages.damage import damage_of
from t2i_audit.stages.files import image_shards, read_record
from t2i_audit.stages.use.files import USE
from t2i_audit.stages.use.subject import Subject

REDRAW = "redraw.json"
# Levels of 255, the median over images of the mean over an image. Rounding in float32 on a CPU
# makes 0.0 to 0.01; another checkpoint of the same architecture 20 and more.
LIMIT = 8.0


def require_same_images(run: RunDirectory, subject: Subject) -> list[str]:
    """Draw the first batch of the run once more, and compare; returns notes on the difference.

    Done once for each kind of device, as it takes as long as that batch did.

    Raises:
        ModelError: the images are others.
        RunDirectoryError: the run's own images are damaged.
    """
    path = run.path / USE / REDRAW
    device = device_label(subject.loaded.device)
    found = _kept(path, device)
    if found is None:
        found = {"device": device, **_differences(run, subject)}
        path.parent.mkdir(exist_ok=True)
        if found["typical"] <= LIMIT:
            write_json(path, found)
    typical, images = float(found["typical"]), counted(int(found["images"]), "image")
    if typical > LIMIT:
        raise ModelError(
            f"{subject.loaded.name!r} does not make the images of {run.path} any more: {images} "
            f"drawn again differ by {typical:.3g} of 255 levels; restore what has changed "
            "(checkpoint, options, device), or audit it anew"
        )
    if not typical:
        return []
    return [
        f"{images} of the run drawn again without any change differ from the run's own by "
        f"{typical:.2g} of 255 levels (median over images), at most {found['largest']:.2g}."
    ]


def _differences(run: RunDirectory, subject: Subject) -> dict[str, float]:
    sampling = subject.sampling
    batch = cut_batches(subject.prompts, seeds=sampling.seeds, batch_size=sampling.batch_size)[0]
    record = image_shards(run.path, 1).path(0)
    damage = damage_of(run.path, record)
    if damage:
        raise RunDirectoryError(f"{damage}; give the audit's own command again, which mends it")
    own = {(each.prompt_id, each.seed): each for each in read_record(record).images}
    sample = sampler_of(subject.loaded, sampling, None, steps=sampling.steps)
    room = Parts(subject.loaded, run.path / USE, sampling.batch_size, sampling.shrinks)
    sampled, _ = room.sample(batch, sample)
    differences = []
    for item, pixels in zip(batch.items, sampled.images, strict=True):
        there = pixels_in(run.path / own[item.prompt.id, item.seed_index].image)
        if there.shape != pixels.shape:
            raise ModelError(
                f"{subject.loaded.name!r} makes images of another size than those of {run.path}"
            )
        differences.append(float(np.abs(there.astype(np.int16) - pixels).mean()))
    return {
        "images": len(differences),
        "typical": float(np.median(differences)),
        "largest": max(differences),
    }


def _kept(path: Any, device: str) -> dict[str, Any] | None:
    try:
        found = read_json(path)
        return found if found["device"] == device and found["typical"] <= LIMIT else None
    except (OSError, ValueError, TypeError, KeyError):
        return None
