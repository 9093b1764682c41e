"""Failures of a pipeline itself, as opposed to failures of the hooks of this package."""

from __future__ import annotations

import sys
from pathlib import Path
from types import TracebackType

from t2i_audit.errors import AuditError, ModelError
from t2i_audit.models.out_of_memory import is_out_of_memory

PACKAGE = Path(__file__).parents[1]
# Where the functions are that a pipeline calls while it runs.
HOOKED = (PACKAGE / "activations", PACKAGE / "interventions", PACKAGE / "pipelines")
# Libraries that raise errors on behalf of their caller.
ACTING_FOR_CALLERS = {"torch", "numpy", *sys.stdlib_module_names}
# Passes a call of torch's on as it is, so that an error in it is the caller's.
PASSED_ON = "__torch_function__"
LONGEST_REASON = 300  # characters; some libraries quote whole configurations


class PipelineFault(ModelError):
    """The pipeline fails on certain prompts."""

    def __init__(self, sentence: str, reason: str) -> None:
        super().__init__(sentence)
        self.reason = reason
        """The library's own message."""


class RecordingFault(ModelError):
    """What is hooked into the pipeline fails, and not the pipeline."""

    def __init__(self, pipeline: str, reason: str) -> None:
        super().__init__(
            f"The denoiser of {pipeline} cannot be recorded ({reason}); give --no-denoiser-station"
        )


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


def is_recorders_own(error: Exception) -> bool:
    """Whether `error` arose in what is hooked into it, for lack of anything but memory."""
    if isinstance(error, AuditError | MemoryError):
        return False
    if isinstance(error, RuntimeError) and is_out_of_memory(error):
        return False
    return is_from_a_hook(error)


def is_from_a_hook(error: BaseException) -> bool:
    """Whether `error` arose in a function of this package that the pipeline called."""
    raised_in: Path | None = None
    trace: TracebackType | None = error.__traceback__
    while trace is not None:
        frame = trace.tb_frame
        root = frame.f_globals.get("__name__", "").partition(".")[0]
        if root not in ACTING_FOR_CALLERS and frame.f_code.co_name != PASSED_ON:
            raised_in = Path(frame.f_code.co_filename)
        trace = trace.tb_next
    return raised_in is not None and any(
        raised_in == place or place in raised_in.parents for place in HOOKED
    )
