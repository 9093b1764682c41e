"""What the user may ask of pictures beside steps: size, negative prompt, guidance by its name."""

from __future__ import annotations

import inspect
from dataclasses import asdict, dataclass
from typing import Any

from t2i_audit.errors import ModelError

GUIDANCE = "guidance_scale"
# Of pipelines whose `guidance_scale` is an input of a distilled denoiser, if it is anything.
TRUE_GUIDANCE = "true_cfg_scale"
BINNING = "use_resolution_binning"
# What stands for "no prompt": of an empty text some tokenizers make no token at all.
NO_PROMPT = " "


@dataclass(frozen=True)
class PictureOptions:
    """Size and negative prompt; None leaves each to the pipeline."""

    height: int | None = None
    """Pixels."""
    width: int | None = None
    """Pixels."""
    negative_prompt: str | None = None

    @property
    def own_size(self) -> bool:
        """Whether pictures are as large as the pipeline makes them by itself."""
        return self.height is None and self.width is None

    def check(self, pipeline: Any) -> None:
        """Raise `ModelError` naming the option that `pipeline` has no place for."""
        taken = _parameters(pipeline)
        for name, value in asdict(self).items():
            if value is not None and name not in taken:
                raise ModelError(
                    f"{type(pipeline).__name__} takes no --{name.replace('_', '-')}; leave it out."
                )

    def call_arguments(
        self, pipeline: Any, guidance_scale: float | None, count: int
    ) -> dict[str, Any]:
        """What the call of `pipeline` is given for `count` pictures beside prompts and steps.

        Raises:
            ModelError: the pipeline has no place for an option.
        """
        self.check(pipeline)
        taken = _parameters(pipeline)
        arguments: dict[str, Any] = {}
        for name in ("height", "width"):
            if getattr(self, name) is not None:
                arguments[name] = getattr(self, name)
        if not self.own_size and BINNING in taken:
            # Else pictures of the nearest size that the pipeline knows are made and cut.
            arguments[BINNING] = False
        negative = self.negative_prompt
        name = guidance_name(pipeline)
        if guidance_scale is not None and name in taken:
            arguments[name] = guidance_scale
            if name == TRUE_GUIDANCE and guidance_scale > 1 and negative is None:
                # Without one these pipelines leave guidance out, whatever its scale.
                negative = NO_PROMPT
        if negative is not None:
            arguments["negative_prompt"] = [negative] * count
        return arguments


PLAIN = PictureOptions()


def guidance_name(pipeline: Any) -> str:
    """The argument that sets how strongly `pipeline` is guided.

    ``true_cfg_scale`` where the pipeline has it and its denoiser takes no guidance as an input.
    """
    denoiser = pipeline.components.get("transformer")
    embedded = getattr(getattr(denoiser, "config", None), "guidance_embeds", False)
    return TRUE_GUIDANCE if TRUE_GUIDANCE in _parameters(pipeline) and not embedded else GUIDANCE


def _parameters(pipeline: Any) -> Any:
    return inspect.signature(type(pipeline).__call__).parameters
