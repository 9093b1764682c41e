"""From settings to students."""

from __future__ import annotations

from collections.abc import Sequence

from synthetic.settings import RunSettings
from synthetic.students.base import Student
from synthetic.students.mlp import EnsembleMLP
from synthetic.students.transformer import Transformers
from synthetic.tasks.base import TaskFamily
from synthetic.tasks.encodings import Encoder


def make_student(
    settings: RunSettings, seeds: Sequence[int], family: TaskFamily, encoder: Encoder
) -> Student:
    """Untrained students for `family`, one for each of `seeds`."""
    if settings.student == "transformer":
        return Transformers(
            seeds,
            encoding_size=encoder.size,
            encoding_tokens=encoder.tokens,
            input_size=family.input_size,
            input_tokens=family.input_tokens,
            output_size=family.output_size,
            width=settings.width,
            depth=settings.depth,
        )
    return EnsembleMLP(
        seeds,
        encoding_size=encoder.size,
        input_size=family.input_size,
        output_size=family.output_size,
        width=settings.width,
        depth=settings.depth,
    )
