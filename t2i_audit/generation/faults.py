"""Failures of a pipeline itself, as opposed to failures of the hooks of this package."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType

from t2i_audit.errors import AuditError, ModelError
from t2i_audit.models.out_of_memory import is_out_of_memory
from t2i_audit.pipelines import workarounds

PACKAGE = Path(__file__).parents[1]
# The functions of this package that a pipeline calls while it runs.
HOOKED = (PACKAGE / "activations", Path(workarounds.__file__))
# Libraries that raise errors on behalf of their caller.
ACTING_FOR_CALLERS = ("torch", "numpy")
LONGEST_REASON = 300  # characters; some libraries quote whole configurations


class PipelineFault(ModelError):
    """The pipeline fails on certain prompts."""

    def __init__(self, sentence: str, reason: str) -> None:
        super().__init__(sentence)
        self.reason = reason
        """The library's own message."""


class NoImagesError(ModelError):
    """The pipeline returns something other than images."""


def reason_of(error: BaseException) -> str:
    """Type and first line of `error`."""
    lines = str(error).strip().splitlines()
    first = lines[0].strip().rstrip(".;:") if lines else ""
    if len(first) > LONGEST_REASON:
        first = f"{first[:LONGEST_REASON]}..."
    return f"{type(error).__name__}: {first}" if first else type(error).__name__


def is_pipelines_own(error: Exception) -> bool:
    """Whether `error` arose in the pipeline's own code, and not for lack of memory."""
    if isinstance(error, AuditError | MemoryError):
        return False
    if isinstance(error, RuntimeError) and is_out_of_memory(error):
        return False
    return not is_from_a_hook(error)


def is_from_a_hook(error: BaseException) -> bool:
    """Whether `error` arose in a function of this package that the pipeline called."""
    raised_in: Path | None = None
    trace: TracebackType | None = error.__traceback__
    while trace is not None:
        frame = trace.tb_frame
        if frame.f_globals.get("__name__", "").partition(".")[0] not in ACTING_FOR_CALLERS:
            raised_in = Path(frame.f_code.co_filename)
        trace = trace.tb_next
    return raised_in is not None and any(
        raised_in == place or place in raised_in.parents for place in HOOKED
    )
