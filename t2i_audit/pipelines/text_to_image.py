"""Which pipelines make an image from a prompt alone."""

from __future__ import annotations

import inspect
from typing import Any

from t2i_audit.errors import ModelError
from t2i_audit.pipelines.components import call_parameters

# Arguments by which a pipeline is given an image; some that make images from text have them too.
IMAGES = ("image", "control_image")


def require_text_to_image(pipeline: Any, name: str) -> None:
    """Refuse a pipeline that does not make an image from a prompt alone.

    Args:
        pipeline: that was loaded.
        name: the model as the user calls it.

    Raises:
        ModelError: it takes no prompt, or needs something else beside it (named).
    """
    kind = type(pipeline).__name__
    taken = call_parameters(pipeline)
    if "prompt" not in taken:
        raise ModelError(
            f"{name!r} is a {kind}, which takes no prompt; give a text-to-image model, or a folder "
            "of the pipeline that joins this one with what encodes the prompt."
        )
    output = taken.get("output_type")
    # Pipelines that make sounds, videos or the input of another pipeline have another default.
    frames = taken.get("num_frames")
    film = frames is not None and frames.default != 1
    if film or (output is not None and output.default not in (output.empty, "pil")):
        raise ModelError(f"{name!r} is a {kind}, which makes no image; give a text-to-image model.")
    # Checked late, because the answer imports most of diffusers' pipelines.
    if not taken.keys().isdisjoint(IMAGES) and kind in _image_editing_classes():
        raise ModelError(
            f"{name!r} is a {kind}, which needs an image beside the prompt; give the "
            "text-to-image pipeline of the same checkpoint."
        )
    required = [
        key for key, each in taken.items() if each.default is each.empty and _is_named(each)
    ]
    required = [key for key in required if key not in ("self", "prompt")]
    if required:
        raise ModelError(
            f"{name!r} is a {kind}, which needs {' and '.join(required)} beside the prompt; give a "
            "text-to-image model, or a folder of the pipeline that joins this one with what makes "
            "them."
        )


def _is_named(parameter: inspect.Parameter) -> bool:
    return parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)


def _image_editing_classes() -> set[str]:
    """Classes that diffusers lists for image-to-image or inpainting and not for text-to-image."""
    from diffusers.pipelines import auto_pipeline

    text, *others = (
        {
            kind.__name__
            for kind in getattr(auto_pipeline, f"AUTO_{task}_PIPELINES_MAPPING").values()
        }
        for task in ("TEXT2IMAGE", "IMAGE2IMAGE", "INPAINT")
    )
    return set().union(*others) - text
