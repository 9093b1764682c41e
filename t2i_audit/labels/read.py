"""Reading files of labels: ``PATH``, or ``FORMAT:PATH`` for the files of public sets."""

from __future__ import annotations

from collections.abc import Sequence

from prompts.structure import Prompt
from t2i_audit.labels.label import ImageKey, Labels


def read_labels(spec: str, prompts: Sequence[Prompt], images: Sequence[ImageKey]) -> Labels:
    """The labels in the file that `spec` names, of the images of a run.

    Args:
        spec: ``PATH``, or ``FORMAT:PATH`` with one of `FORMATS`.
        prompts: of the run.
        images: of the run.

    Raises:
        LabelError: the file cannot be read, or holds no label of these images.
    """
    raise NotImplementedError
