"""The audit whose images are drawn anew, as all steps of it need it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from prompts.structure import Prompt
from t2i_audit.generation.sampling import Sampling
from t2i_audit.judges.panel import Member
from t2i_audit.models.loaded import LoadedModel


@dataclass(frozen=True, eq=False)
class Subject:
    """A model with the prompts, the noise and the judge of its audit."""

    loaded: LoadedModel
    prompts: tuple[Prompt, ...]
    """Of the run, in its order."""
    readable: tuple[Prompt, ...]
    """Those of them that a text encoder gets as they are: to these changes are fitted."""
    sampling: Sampling
    """As the run's images were sampled, without recording the denoiser."""
    judge: Member
    """The run's primary judge."""
    judged_at_once: int | None = None
    """Most images that it is shown at once."""

    @cached_property
    def row_of(self) -> Mapping[str, int]:
        """By id, the row of each prompt, which names its files."""
        return {prompt.id: row for row, prompt in enumerate(self.prompts)}


Rows = Sequence[Mapping[str, Any]]
"""Rows of the table ``judgements``."""
