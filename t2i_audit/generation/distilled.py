"""Checkpoints that are distilled to few steps: how they are recognised, and sampled.

Their pipelines have the class of the checkpoints that they were made from, whose 20 to 50 steps and
guidance spoil their images. They are recognised by, the most reliable first: a LoRA's name, a
setting of the pipeline (``is_distilled``), the scheduler's class (LCM, TCD), the checkpoint's name,
a FLUX.1 denoiser without an input for guidance (schnell), and trailing time steps. The numbers are
those that the authors publish with each, as in the docstrings and documentation of diffusers.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from t2i_audit.models.builtin import PIPELINE_INDEX

if TYPE_CHECKING:
    from t2i_audit.models.loaded import LoadedModel
    from t2i_audit.pipelines.adapter import PipelineAdapter

ORIGIN = "_name_or_path"  # in a saved configuration, what it was made from
CACHED = re.compile(r"models--[^/]+?--([^/]+)")  # a repository in the hub's cache
COMPONENTS = ("unet", "transformer", "prior", "prior_prior")
STEPS_IN_NAME = re.compile(r"(?<!\d)(\d{1,2})[-_ ]?steps?(?![a-z])")
MOST_IN_NAME = 16  # steps; more are of something else, as of training
# These are recognised anywhere in a name, those in `WORD` only as a whole word.
LOUD = re.compile(r"turbo|schnell|lightning")
WORD = re.compile(r"(?<![a-z])(lcm|tcd|pcm|dmd2?|hyper|flash)(?![a-z])")
GUIDED = re.compile(r"(?<![a-z])cfg(?![a-z])")  # distilled in steps only
# These describe a LoRA's style as well, unless the name states a number of steps.
STYLES = ("lightning", "hyper", "flash")
FEW = 8  # steps; a pipeline class with such a default is for distilled checkpoints only
# Steps of turbo checkpoints, by the beginning of the pipeline's class; other classes have 4.
TURBO_STEPS = {
    "StableDiffusion3": 4, "StableDiffusion": 1, "ZImage": 9, "Flux": 8, "Krea2": 8,
    "ErnieImage": 8, "QwenImage": 8,
}  # fmt: skip
SCHEDULERS = {"LCMScheduler": "lcm", "FlowMatchLCMScheduler": "lcm", "TCDScheduler": "tcd"}
TRAILING = "trailing"


@dataclass(frozen=True)
class Distilled:
    """How a distilled checkpoint is sampled."""

    steps: int
    guidance_scale: float | None
    """None keeps the pipeline's default, because guidance is an input of the denoiser."""
    recognised_by: str
    """What it was recognised by, as part of a sentence."""
    note: str = ""
    """What contradicts it; empty if nothing does."""


def distilled(
    loaded: LoadedModel, loras: Sequence[str], *, class_steps: int | None
) -> Distilled | None:
    """How `loaded` is sampled if it is distilled; None if nothing indicates that.

    Args:
        loaded: the checkpoint, with its scheduler set and its LoRAs added.
        loras: paths of the LoRAs.
        class_steps: the default steps of the pipeline's class.
    """
    adapter = loaded.adapter
    found = _kind(loaded, loras)
    if found is None:
        return None
    kind, name, recognised_by = found
    steps = _steps_in(name) or (
        class_steps if class_steps is not None and class_steps <= FEW else _steps(kind, adapter)
    )
    few_by_class = class_steps is not None and class_steps <= FEW
    takes_guidance = adapter.transformer_takes_guidance or adapter.unet_takes_guidance
    embedded = few_by_class or takes_guidance or bool(GUIDED.search(_plain(name)))
    guidance = None if embedded else _no_guidance(kind, adapter)
    if kind == "lcm" and not few_by_class and adapter.unet_takes_guidance:
        guidance = 8.0
    return Distilled(steps, guidance, recognised_by, _spacing_note(kind, adapter))


def _kind(loaded: LoadedModel, loras: Sequence[str]) -> tuple[str, str, str] | None:
    """The kind, the name that may hold a number of steps, and what it was recognised by."""
    adapter = loaded.adapter
    for path in loras:
        for name in _names(path):
            kind = _kind_in(name)
            if kind is not None and (kind not in STYLES or _steps_in(name)):
                return kind, name, f"the LoRA's name, {name!r}"
    named = next(((_kind_in(each), each) for each in _own_names(loaded) if _kind_in(each)), None)
    name = named[1] if named else ""
    if adapter.is_distilled:
        return "distilled", name, "is_distilled in model_index.json"
    if adapter.scheduler in SCHEDULERS:
        return SCHEDULERS[adapter.scheduler], name, f"the scheduler, {adapter.scheduler}"
    if named and named[0]:
        return named[0], name, f"the checkpoint's name, {name!r}"
    if adapter.is_schnell:
        return "schnell", "", "guidance_embeds, which is false in the transformer's config.json"
    if _is_trailing(adapter):
        return "turbo", "", "the scheduler's trailing time steps, as SD Turbo and SDXL Turbo have"
    return None


def _own_names(loaded: LoadedModel) -> list[str]:
    """The checkpoint's name, and the names of what it was made from by its own files."""
    path = loaded.path
    names = _names(loaded.name)[:1]
    if path is None:
        parts = (loaded.pipeline, *map(loaded.pipeline.components.get, COMPONENTS))
        origins = (getattr(part, "config", {}).get(ORIGIN) for part in parts)
        names += [name for each in origins if each for name in _names(str(each))[:1]]
        return list(dict.fromkeys(names))
    names += _names(str(path.resolve()))[:1]
    if path.is_dir():
        files = [PIPELINE_INDEX, *(f"{component}/config.json" for component in COMPONENTS)]
        for file in files:
            try:
                origin = json.loads((path / file).read_text(encoding="utf-8")).get(ORIGIN)
            except (OSError, ValueError, AttributeError):
                continue  # files that are needed were read when the checkpoint was loaded
            if isinstance(origin, str):
                names += _names(origin)[:1]
    return list(dict.fromkeys(names))


def _names(path: str) -> list[str]:
    """The last part of a path or hub id that is a name, and the part before it."""
    cached = CACHED.search(path)
    if cached:
        return [cached[1]]
    parts = [part for part in re.split(r"[/\\]", path.removesuffix(".safetensors")) if part]
    return [part for part in reversed(parts) if part not in COMPONENTS][:2]


def _kind_in(name: str) -> str | None:
    plain = _plain(name)
    found = LOUD.search(plain) or WORD.search(plain)
    return found[0].rstrip("2") if found else None


def _steps_in(name: str) -> int | None:
    found = STEPS_IN_NAME.search(_plain(name))
    return int(found[1]) if found and 1 <= int(found[1]) <= MOST_IN_NAME else None


def _plain(name: str) -> str:
    """`name` in small letters, with hyphens between words in CamelCase."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z][a-z])|(?<=[a-z])(?=[A-Z])", "-", name).lower()


def _steps(kind: str, adapter: PipelineAdapter) -> int:
    name = adapter.class_name
    if kind == "turbo" or (kind == "distilled" and name.startswith("Krea2")):
        return next((steps for start, steps in TURBO_STEPS.items() if name.startswith(start)), 4)
    return 8 if kind == "lightning" and name.startswith("QwenImage") else 4


def _no_guidance(kind: str, adapter: PipelineAdapter) -> float:
    """The scale that switches guidance off."""
    # 0 and 1 both do; this is the one that is published with each.
    one = kind == "lcm" or adapter.class_name.startswith(("Flux2", "QwenImage"))
    return 1.0 if one else 0.0


def _is_trailing(adapter: PipelineAdapter) -> bool:
    """Whether a UNet's scheduler has trailing time steps that are not due to zero terminal SNR."""
    settings = adapter.scheduler_settings
    return (
        adapter.denoiser == "unet"
        and adapter.class_name.startswith("StableDiffusion")
        and settings.get("timestep_spacing") == TRAILING
        and not settings.get("rescale_betas_zero_snr")
        and settings.get("prediction_type", "epsilon") == "epsilon"
    )


def _spacing_note(kind: str, adapter: PipelineAdapter) -> str:
    spacing = adapter.scheduler_settings.get("timestep_spacing")
    if kind not in ("turbo", "lightning") or spacing in (None, TRAILING):
        return ""
    return (
        f"Such checkpoints are sampled at trailing time steps, and the scheduler's are {spacing}: "
        f"its scheduler_config.json should say timestep_spacing {TRAILING!r}."
    )
