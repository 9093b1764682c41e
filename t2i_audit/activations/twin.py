"""The control of each station: the same architecture with weights that learned nothing."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from t2i_audit.activations.text_encoders import text_encoders
from t2i_audit.models.parts import pipeline_parts
from t2i_audit.models.placement import take_turns
from t2i_audit.models.quiet import quiet_libraries

if TYPE_CHECKING:
    from torch import nn

    from t2i_audit.models.load import LoadedModel

STANDARD_DEVIATION = 0.02  # as the transformers' own initialisation


@contextmanager
def random_twin(loaded: LoadedModel, *, seed: int) -> Iterator[LoadedModel]:
    """`loaded` with every text encoder initialised afresh from its configuration.

    The architecture's own initialisation is used, so a probe of the twin reads what architecture
    and tokenizer give away by themselves. Everything but the encoders is shared with `loaded`,
    whose own wait on the host while the block runs; the global random state is left untouched.
    """
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        fresh = {}
        for encoder in text_encoders(loaded.pipeline):
            with _marking_uninitialised():
                model = type(encoder.model)(copy.deepcopy(encoder.model.config))
            _fill_uninitialised(model)
            fresh[encoder.name] = model.to(dtype=loaded.dtype).eval()
    with _standing_in(loaded, fresh, "random text encoder") as twin:
        yield twin


@contextmanager
def random_denoiser(loaded: LoadedModel, *, seed: int) -> Iterator[LoadedModel]:
    """`loaded` with its denoiser initialised afresh from its configuration, the rest shared.

    The trained denoiser waits on the host while the block runs.
    """
    import torch

    from t2i_audit.pipelines.denoiser import denoiser_blocks, without_compilation

    name, _ = denoiser_blocks(loaded.pipeline)
    trained = without_compilation(loaded.pipeline.components[name])
    with torch.random.fork_rng(devices=[]), quiet_libraries():
        torch.manual_seed(seed)
        with _marking_uninitialised():
            fresh = type(trained).from_config(trained.config)
        _fill_uninitialised(fresh)
        _open_gates(fresh)
        fresh = fresh.to(dtype=loaded.dtype).eval()
    with _standing_in(loaded, {name: fresh}, "random denoiser") as twin:
        yield twin


@contextmanager
def _standing_in(
    loaded: LoadedModel, fresh: Mapping[str, nn.Module], what: str
) -> Iterator[LoadedModel]:
    """`loaded` with the networks `fresh` for those of the same names, in their places."""
    own, pipeline = loaded.pipeline, _with_components(loaded.pipeline, fresh)
    take_turns(own, pipeline, fresh, loaded.device)
    try:
        yield replace(loaded, pipeline=pipeline, name=f"{loaded.name} ({what})")
    finally:
        take_turns(pipeline, own, fresh, loaded.device)


def _with_components(pipeline: Any, fresh: Mapping[str, Any]) -> Any:
    """A copy of `pipeline`, and of the pipelines it is made of, with some components replaced."""
    components = pipeline.components
    # A shallow copy of a pipeline has components of its own and shares the rest.
    copied = copy.copy(pipeline)
    parts = pipeline_parts(pipeline)
    for key, part in parts.items():
        setattr(copied, key, copy.copy(part))
    for owner in (copied, *(getattr(copied, key) for key in parts)):
        for own, component in owner.components.items():
            for name, model in fresh.items():
                if component is components[name]:
                    setattr(owner, own, model)
    return copied


@contextmanager
def _marking_uninitialised() -> Iterator[None]:
    """Have memory that a class leaves as it is filled with NaN while the block runs."""
    import torch

    before = torch.are_deterministic_algorithms_enabled()
    try:
        torch.use_deterministic_algorithms(True, warn_only=True)
        yield
    finally:
        torch.use_deterministic_algorithms(before)


def _fill_uninitialised(model: nn.Module) -> None:
    """Draw what a class leaves to its checkpoint: padding tokens of some, all of ChatGLM."""
    import torch

    for name, parameter in model.named_parameters():
        if torch.isfinite(parameter).all():
            continue
        if parameter.ndim > 1:
            torch.nn.init.normal_(parameter, std=STANDARD_DEVIATION)
        else:
            torch.nn.init.constant_(parameter, 0 if name.endswith("bias") else 1)


def _open_gates(model: nn.Module) -> None:
    """Draw the matrices that a class begins with at zero.

    Gates of Kandinsky 5, say, behind which no block would change what it is given.
    """
    import torch

    for parameter in model.parameters():
        if parameter.ndim > 1 and not parameter.any():
            torch.nn.init.normal_(parameter, std=STANDARD_DEVIATION)
