"""A judge's verdict on one image, and the interface of every judge."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from t2i_audit.errors import JudgeError, ModelError
from t2i_audit.judges.scope import NO_LABEL, Reader
from t2i_audit.labels.label import ImageKey
from t2i_audit.models.devices import nan_advice
from t2i_audit.pipelines.safety import BLOCKED, NOT_FINITE

if TYPE_CHECKING:
    import numpy as np

    from prompts.structure import Prompt


@dataclass(frozen=True)
class Judgement:
    """The verdict on one image and its prompt."""

    correct: bool | None
    """Whether the prompt is true of the image; None if undecided."""
    margin: float
    """Distance of the verdict from the opposite one, in the judge's own unit; NaN without one."""
    chosen: str
    """What the judge saw: the best caption, or a description of the image."""
    readable: bool
    """Whether the judge could recognise what is in the image."""
    slots: Mapping[str, bool | None] = field(default_factory=dict)
    """Which slots are right, None where the judge abstains; empty if it does not judge slots."""
    flaw: str = ""
    """Why it is undecided; empty where it is decided."""
    probability: float = math.nan
    """That the prompt is true of the image, in the judge's opinion; NaN if it has none."""
    slot_probabilities: Mapping[str, float] = field(default_factory=dict)
    """The same for each slot; empty if it has none."""
    scores: Mapping[str, float] = field(default_factory=dict)
    """Other scores of the image by their names, e.g. ``geometric_mean``; larger is better."""


class Judge(Reader, Protocol):
    """Anything that decides whether prompts are true of images."""

    @property
    def fingerprint(self) -> Mapping[str, str]:
        """Everything that its verdicts depend on; recorded in the manifest."""
        ...

    def judge(self, images: np.ndarray, prompts: Sequence[Prompt]) -> list[Judgement]:
        """Judge ``uint8`` images ``(b, height, width, 3)``, each with its prompt.

        Raises:
            JudgeError: it cannot judge one of the prompts; see `Reader.scope`.
        """
        ...

    def move_to(self, device: str) -> None:
        """Move its weights to `device`, e.g. ``cuda`` or ``cpu``; without any it does nothing.

        Of several judges only the one at work is on the device. No verdict depends on it.
        """
        ...


@runtime_checkable
class NamedImageJudge(Protocol):
    """A judge that knows images by their names; it is given these, and no pixels."""

    def judge_images(
        self, images: Sequence[ImageKey], prompts: Sequence[Prompt]
    ) -> list[Judgement]:
        """Judge images by their names, each with its prompt."""
        ...


def unjudged(reason: str) -> Judgement:
    """The judgement of an image that is not shown to the judge, e.g. one flat colour."""
    return Judgement(correct=None, margin=math.nan, chosen=reason, readable=False, flaw=reason)


def require_readable(
    readable: Sequence[bool], *, judge: str, flaws: Mapping[str, int] | None = None, dtype: str = ""
) -> None:
    """Refuse results in which the judge could read no image: that is not a score of 0.

    Args:
        readable: whether the judge could read each image.
        judge: its name.
        flaws: how many images were not shown to it, for each flaw.
        dtype: the number format of the checkpoint, e.g. ``float16``.

    Raises:
        ModelError: no image can be judged, whatever the judge.
        JudgeError: there are images to judge, and the judge can read none of them.
    """
    if any(readable):
        return
    count = len(readable)
    flaws = flaws or {}
    if flaws.get(NO_LABEL):
        raise JudgeError(
            f"judge {judge!r} has no label of any of the {count} images; name a file of labels of "
            "this run's own images"
        )
    if count and sum(flaws.values()) == count:
        kinds = ", ".join(f"{flaw}: {number}" for flaw, number in sorted(flaws.items()))
        raise ModelError(
            f"none of the {count} images can be judged ({kinds}); this is no score of 0, and the "
            f"judge has not seen them: {_mend(flaws, dtype)}"
        )
    raise JudgeError(
        f"judge {judge!r} could not read any of the {count} images; this is no score of 0: look "
        "at the images folder, then check the judge and the checkpoint"
    )


def _mend(flaws: Mapping[str, int], dtype: str) -> str:
    if NOT_FINITE in flaws:
        return f"the checkpoint makes NaN; {nan_advice(dtype)}"
    if set(flaws) == {BLOCKED}:
        return "its safety checker takes every image for unsafe, so use a checkpoint without one"
    return "the checkpoint is damaged, or --steps and --guidance-scale do not suit it"
