"""The judge by labels: what people say of the very images, read from a file."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import PurePath
from typing import TYPE_CHECKING

from prompts.structure import Prompt
from t2i_audit.errors import JudgeError
from t2i_audit.judges.base import Judgement, unjudged
from t2i_audit.judges.scope import CANNOT_TELL, NO_LABEL, SPLIT, Scope
from t2i_audit.labels.label import ImageKey, Label
from t2i_audit.labels.match import LabelIndex, notes_on, unknown_prompts
from t2i_audit.labels.read import open_labels

if TYPE_CHECKING:
    import numpy as np

KIND = "human"


class HumanJudge:
    """Takes the majority of the raters of each image; an image without a label is undecided."""

    window: int | None = None
    looks_at_pixels = False
    advice = "label images of them with `t2i-audit label`, or name a file that has them"

    def __init__(self, labels: str) -> None:
        """Read the file that `labels` names, as ``PATH`` or ``FORMAT:PATH``.

        Raises:
            LabelError: as `open_labels`.
        """
        self._file = open_labels(labels)
        self._index = LabelIndex(self._file)
        self.name = f"{KIND}:{PurePath(labels).name}"

    @property
    def fingerprint(self) -> Mapping[str, str]:
        """The bytes of the file, and the rule by which they become verdicts."""
        return {
            "judge": KIND,
            "version": "1",
            "sha256": self._file.sha256,
            "rule": self._file.rule,
        }

    def move_to(self, device: str) -> None:
        """Nothing to move."""

    def scope(self, prompts: Sequence[Prompt]) -> Scope:
        """The prompts that the file names; all of them where it names images by file alone."""
        unlabelled = {prompt.id: NO_LABEL for prompt in prompts if not self._index.knows(prompt)}
        left_out = [*self._file.left_out, *unknown_prompts(self._file, prompts)]
        notes = notes_on(self._file.source, left_out)
        return Scope(unlabelled, remarks=tuple(note.rstrip(".") for note in notes))

    def judge(self, images: np.ndarray, prompts: Sequence[Prompt]) -> list[Judgement]:
        """Refuse: labels are of named images, which pixels are not.

        Raises:
            JudgeError: always.
        """
        raise JudgeError(f"judge {self.name!r} knows images by their names only")

    def judge_images(
        self, images: Sequence[ImageKey], prompts: Sequence[Prompt]
    ) -> list[Judgement]:
        """What the raters say of `images`, each with its prompt."""
        found = [self._index.of(key, prompt) for key, prompt in zip(images, prompts, strict=True)]
        return [judgement_of(each.labels) for each in found]


def judgement_of(labels: Sequence[Label]) -> Judgement:
    """The majority of `labels`, all of one image; undecided without labels or in a tie."""
    if not labels:
        return unjudged(NO_LABEL)
    share = _share(label.correct for label in labels)
    slots = dict.fromkeys(slot for label in labels for slot in label.slots)
    shares = {slot: _share(label.slots.get(slot) for label in labels) for slot in slots}
    correct = _majority(share)
    decided = [label.correct for label in labels if label.correct is not None]
    return Judgement(
        correct=correct,
        margin=2 * share - 1,
        chosen=f"{sum(decided)} of {len(decided)} raters say right",
        readable=True,
        slots={slot: _majority(each) for slot, each in shares.items()},
        flaw="" if correct is not None else SPLIT if decided else CANNOT_TELL,
        probability=share,
        slot_probabilities={slot: each for slot, each in shares.items() if not math.isnan(each)},
    )


def _share(answers: Iterable[bool | None]) -> float:
    """The share of yes among those who can tell; NaN if nobody can."""
    given = [answer for answer in answers if answer is not None]
    return sum(given) / len(given) if given else math.nan


def _majority(share: float) -> bool | None:
    return None if math.isnan(share) or share == 0.5 else share > 0.5
