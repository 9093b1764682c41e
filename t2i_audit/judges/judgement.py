"""What a judge says of one image, and what every judge must be able to do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from t2i_audit.errors import JudgeError, ModelError
from t2i_audit.generation.nonfinite import advice
from t2i_audit.judges.scope import Reader
from t2i_audit.pipelines.safety import BLOCKED, NOT_FINITE

if TYPE_CHECKING:
    import numpy as np

    from prompts.structure import Prompt


@dataclass(frozen=True)
class Judgement:
    """One image held against its prompt."""

    correct: bool | None
    """Whether the prompt is true of the image; None when that is undecided."""
    margin: float
    """How far the verdict is from tipping, in the judge's own unit; NaN where it has none."""
    chosen: str
    """What the judge saw: the best caption, or a reading in words."""
    readable: bool
    """Whether the judge could tell what is in the image."""
    slots: Mapping[str, bool] = field(default_factory=dict)
    """Which slots are right, where the judge can say."""
    flaw: str = ""
    """Why it is undecided; empty where it is decided."""


class Judge(Reader, Protocol):
    """Anything that holds images against prompts."""

    @property
    def fingerprint(self) -> Mapping[str, str]:
        """What its verdicts depend on; recorded in the manifest."""
        ...

    def judge(self, images: np.ndarray, prompts: Sequence[Prompt]) -> list[Judgement]:
        """Judge ``uint8`` images ``(b, height, width, 3)``, one prompt each.

        Raises:
            JudgeError: a prompt is none that it can judge; see `Reader.scope`.
        """
        ...


def unjudged(reason: str) -> Judgement:
    """The judgement of an image that is not judged, e.g. because it is a single flat colour."""
    return Judgement(correct=None, margin=float("nan"), chosen=reason, readable=False, flaw=reason)


def require_readable(
    readable: Sequence[bool], *, judge: str, flaws: Mapping[str, int] | None = None, dtype: str = ""
) -> None:
    """Refuse results in which not a single image could be read: that is no score of 0.

    Args:
        readable: whether the judge could read each image.
        judge: its name.
        flaws: how many images were not shown to it, for each flaw.
        dtype: the number format that the checkpoint ran in, e.g. ``float16``.

    Raises:
        ModelError: the checkpoint made nothing that could be judged, whatever the judge.
        JudgeError: there were images to judge, and the judge could read none of them.
    """
    if any(readable):
        return
    count = len(readable)
    flaws = flaws or {}
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
        return f"the checkpoint makes NaN; {advice(dtype)}"
    if set(flaws) == {BLOCKED}:
        return "its safety checker takes every image for unsafe, so use a checkpoint without one"
    return "the checkpoint is damaged, or --steps and --guidance-scale do not suit it"
