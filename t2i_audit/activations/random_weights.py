"""The control with random weights: the same architecture, untrained."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from t2i_audit.models.offload import take_turns
from t2i_audit.models.speed import prepare
from t2i_audit.pipelines.workarounds import quiet_libraries, uninitialised_memory_is_nan

if TYPE_CHECKING:
    from torch import nn

    from t2i_audit.models.loaded import LoadedModel
    from t2i_audit.pipelines.adapter import PipelineAdapter

STANDARD_DEVIATION = 0.02  # as transformers initialises most models


def draw_seeds(seed: int, draws: int) -> tuple[int, ...]:
    """The seeds of `draws` draws of random weights, those of fewer draws first.

    Runs with neighbouring base seeds share none, as seed, seed + 1, ... would.
    """
    import numpy as np

    children = np.random.SeedSequence(seed).spawn(draws)
    # 63 bits are the most that torch accepts on every platform.
    return tuple(int(each.generate_state(1, np.uint64)[0]) >> 1 for each in children)


@contextmanager
def random_text_encoders(loaded: LoadedModel, *, seed: int) -> Iterator[LoadedModel]:
    """`loaded` with every text encoder initialised at random from its configuration.

    The architecture's own initialisation is used, so that a probe decodes what architecture and
    tokenizer alone provide. Everything else is shared with `loaded`. While the block runs, its
    trained encoders are on the host; the global random state is not changed.
    """
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        fresh = {}
        for encoder in loaded.adapter.text_encoders:
            with uninitialised_memory_is_nan():
                model = type(encoder.model)(copy.deepcopy(encoder.model.config))
            _fill_uninitialised(model)
            fresh[encoder.name] = model.to(dtype=loaded.dtype).eval()
    with _standing_in(loaded, fresh, "random text encoder") as random_model:
        yield random_model


@contextmanager
def random_denoiser(loaded: LoadedModel, *, seed: int) -> Iterator[LoadedModel]:
    """`loaded` with its denoiser initialised at random from its configuration, the rest shared.

    While the block runs, the trained denoiser is on the host.
    """
    import torch

    name = loaded.adapter.denoiser
    assert name is not None  # otherwise nothing was recorded of it
    trained = loaded.pipeline.components[name]
    with torch.random.fork_rng(devices=[]), quiet_libraries():
        torch.manual_seed(seed)
        with uninitialised_memory_is_nan():
            fresh = type(trained).from_config(trained.config)
        _fill_uninitialised(fresh)
        _open_gates(fresh)
        fresh = fresh.to(dtype=loaded.dtype).eval()
        prepare(fresh, loaded.placement)
    with _standing_in(loaded, {name: fresh}, "random denoiser") as random_model:
        yield random_model


@contextmanager
def _standing_in(
    loaded: LoadedModel, fresh: Mapping[str, nn.Module], what: str
) -> Iterator[LoadedModel]:
    """`loaded` with the networks `fresh` in place of those of the same names."""
    own, pipeline = loaded.pipeline, _with_components(loaded.adapter, fresh)
    name = f"{loaded.name} ({what})"
    if loaded.source == "memory":
        # Its own networks stay, as the caller's are in the same memory and nothing would be gained.
        for network in fresh.values():
            network.to(loaded.device)
        yield replace(loaded, pipeline=pipeline, name=name)
        return
    take_turns(own, pipeline, fresh, loaded.device)
    try:
        yield replace(loaded, pipeline=pipeline, name=name)
    finally:
        take_turns(pipeline, own, fresh, loaded.device)


def _with_components(adapter: PipelineAdapter, fresh: Mapping[str, Any]) -> Any:
    """A copy of the pipeline, and of the pipelines it is made of, with the components `fresh`."""
    components = adapter.pipeline.components
    # A shallow copy of a pipeline has components of its own and shares the rest.
    copied = copy.copy(adapter.pipeline)
    for key, part in adapter.parts.items():
        setattr(copied, key, copy.copy(part))
    for owner in (copied, *(getattr(copied, key) for key in adapter.parts)):
        for own, component in owner.components.items():
            for name, model in fresh.items():
                if component is components[name]:
                    setattr(owner, own, model)
    return copied


def _fill_uninitialised(model: nn.Module) -> None:
    """Draw weights that a class leaves uninitialised: padding tokens of some, all of ChatGLM."""
    import torch

    for name, parameter in model.named_parameters():
        if torch.isfinite(parameter).all():
            continue
        if parameter.ndim > 1:
            torch.nn.init.normal_(parameter, std=STANDARD_DEVIATION)
        else:
            torch.nn.init.constant_(parameter, 0 if name.endswith("bias") else 1)


def _open_gates(model: nn.Module) -> None:
    """Draw the matrices that a class initialises with zeros.

    Behind the gates of Kandinsky 5, for example, no block would change its input otherwise.
    """
    import torch

    for parameter in model.parameters():
        if parameter.ndim > 1 and not parameter.any():
            torch.nn.init.normal_(parameter, std=STANDARD_DEVIATION)
