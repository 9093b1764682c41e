"""The files of what is drawn anew: names are made of numbers and hashes alone."""

from __future__ import annotations

import hashlib
import json
from dataclasses import astuple
from pathlib import Path

from t2i_audit.generation import Batch, cut_batches
from t2i_audit.interventions.intervention import Intervention
from t2i_audit.run.shards import Shards
from t2i_audit.stages.use.design import Part

USE = Path("use")
DIGITS = 12  # of the hash in a folder's name


def key_of(intervention: Intervention) -> str:
    """The name of the folder of a change: slots and blocks have names from outside."""
    text = json.dumps(astuple(intervention))
    return f"{intervention.kind}-{hashlib.sha256(text.encode()).hexdigest()[:DIGITS]}"


def image_folder(intervention: Intervention) -> Path:
    """Where the images of a change lie, relative to the run directory."""
    return USE / "images" / key_of(intervention)


def batches_of(part: Part, batch_size: int) -> tuple[Batch, ...]:
    """The images of a part in batches, one image for each prompt."""
    return cut_batches(part.prompts, seeds=1, batch_size=batch_size)


def record_shards(run: Path, part: Part, batches: int) -> Shards:
    """The records of the batches of a part; a batch is made when its record exists."""
    return Shards(run / image_folder(part.intervention), batches, suffix=".json")


def verdict_shards(run: Path, judge: str, folder: str, batches: int) -> Shards:
    """The verdicts of the judge with the key `judge` on the batches in `folder`."""
    return Shards(run / USE / "judgements" / judge / folder, batches)
