"""The steps and guidance of a checkpoint, and where they come from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from t2i_audit.errors import ModelError
from t2i_audit.generation.distilled import distilled
from t2i_audit.io import read_json

if TYPE_CHECKING:
    from t2i_audit.models.loaded import LoadedModel

DEFAULTS_FILE = "t2i_audit.json"
DEFAULTS_KEY = "audit_defaults"
STEPS_OPTION, GUIDANCE_OPTION = "--steps", "--guidance-scale"
FROM_FILE = f"the checkpoint's {DEFAULTS_FILE}"


@dataclass(frozen=True)
class SamplingDefaults:
    """Steps and guidance of a checkpoint unless the user gives others."""

    steps: int
    guidance_scale: float | None
    """None where the pipeline takes none."""
    steps_from: str = ""
    """Where the steps come from, as part of a sentence."""
    guidance_from: str = ""
    note: str = ""
    """A sentence for the reader of the results; empty if there is none."""

    def given(self, steps: int | None, guidance_scale: float | None) -> SamplingDefaults:
        """The same with the values that the user gave in place of the defaults."""
        chosen = self
        if steps is not None:
            chosen = replace(chosen, steps=steps, steps_from=STEPS_OPTION)
        if guidance_scale is not None:
            chosen = replace(chosen, guidance_scale=guidance_scale, guidance_from=GUIDANCE_OPTION)
        return chosen

    @property
    def is_given(self) -> bool:
        """Whether both come from the user or the checkpoint's own file."""
        sources = {self.steps_from}
        if self.guidance_scale is not None:
            sources.add(self.guidance_from)
        return sources <= {STEPS_OPTION, GUIDANCE_OPTION, FROM_FILE}

    @property
    def source(self) -> str:
        """Where both come from, as part of a sentence."""
        if self.guidance_scale is None or self.steps_from == self.guidance_from:
            return f"from {self.steps_from}"
        return f"steps from {self.steps_from}, guidance from {self.guidance_from}"


def sampling_defaults(loaded: LoadedModel, loras: Sequence[str] = ()) -> SamplingDefaults:
    """Steps and guidance of a checkpoint.

    They come from the first of these that states them: the checkpoint's ``t2i_audit.json``, the
    kind of distillation (see `distilled`), the defaults of its pipeline's call.

    Args:
        loaded: the checkpoint.
        loras: paths of the LoRAs that were added to it.

    Raises:
        ModelError: the file cannot be read, or the pipeline has no default number of steps.
    """
    call = loaded.adapter.call
    steps = call.own_steps or call.default(call.steps)
    guidance = call.default(call.guidance)
    for guider in loaded.adapter.guiders[:1]:
        guidance = guider.guidance_scale
    source = f"the defaults of {call.class_name}"
    steps_from, guidance_from, note = source, source, ""
    few = None if call.own_steps else distilled(loaded, loras, class_steps=steps)
    if few is not None:
        steps, steps_from, note = few.steps, few.recognised_by, few.note
        if few.guidance_scale is not None and guidance is not None:
            guidance, guidance_from = few.guidance_scale, few.recognised_by
    saved = _saved(loaded)
    if "steps" in saved:
        steps, steps_from, note = saved["steps"], FROM_FILE, ""
    if "guidance_scale" in saved:
        guidance = saved["guidance_scale"]
        guidance_from = FROM_FILE
    if steps is None:
        raise ModelError(f"{call.class_name} has no default number of steps; give --steps.")
    return SamplingDefaults(
        int(steps), None if guidance is None else float(guidance), steps_from, guidance_from, note
    )


def _saved(loaded: LoadedModel) -> dict[str, Any]:
    """The values in the checkpoint's ``t2i_audit.json``."""
    path = None if loaded.path is None else loaded.path / DEFAULTS_FILE
    if path is None or not path.is_file():
        return {}
    try:
        saved = dict(read_json(path).get(DEFAULTS_KEY, {}))
        return {name: _number(name, value) for name, value in saved.items()}
    except (ValueError, AttributeError, TypeError) as error:
        raise ModelError(f"{path} cannot be read: {error}") from error


def _number(name: str, value: Any) -> Any:
    if name not in ("steps", "guidance_scale"):
        return value
    if name == "guidance_scale" and value is None:
        return None
    whole = name == "steps"
    if isinstance(value, bool) or not isinstance(value, int if whole else int | float):
        raise ValueError(f"{name} should be a {'whole ' if whole else ''}number, not {value!r}")
    if not (1 if whole else 0) <= value < float("inf"):
        raise ValueError(f"{name} should be at least {1 if whole else 0}, not {value}")
    return value
