"""The control of each station: the same architecture with weights that learned nothing."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from t2i_audit.activations.hooks import text_encoders
from t2i_audit.models.quiet import quiet_libraries

if TYPE_CHECKING:
    from torch import nn

    from t2i_audit.models.load import LoadedModel

STANDARD_DEVIATION = 0.02  # as the transformers' own initialisation


def random_twin(loaded: LoadedModel, *, seed: int) -> LoadedModel:
    """`loaded` with every text encoder initialised afresh from its configuration.

    The architecture's own initialisation is used, so a probe of the twin reads what architecture
    and tokenizer give away by themselves. Everything but the encoders is shared with `loaded`,
    whose pipeline stays as it is; the global random state is left untouched.
    """
    import torch

    # A shallow copy of a pipeline has components of its own and shares the rest.
    pipeline = copy.copy(loaded.pipeline)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        for encoder in text_encoders(loaded.pipeline):
            fresh = type(encoder.model)(copy.deepcopy(encoder.model.config))
            fresh = fresh.to(device=loaded.device, dtype=loaded.dtype).eval()
            setattr(pipeline, encoder.name, fresh)
    return replace(loaded, pipeline=pipeline, name=f"{loaded.name} (random text encoder)")


def random_denoiser(loaded: LoadedModel, *, seed: int) -> LoadedModel:
    """`loaded` with its denoiser initialised afresh from its configuration, the rest shared."""
    import torch

    from t2i_audit.activations.denoiser import denoiser_blocks

    name, _ = denoiser_blocks(loaded.pipeline)
    trained = loaded.pipeline.components[name]
    pipeline = copy.copy(loaded.pipeline)
    with torch.random.fork_rng(devices=[]), quiet_libraries():
        torch.manual_seed(seed)
        with _marking_uninitialised():
            fresh = type(trained).from_config(trained.config)
        _fill_uninitialised(fresh)
        setattr(pipeline, name, fresh.to(device=loaded.device, dtype=loaded.dtype).eval())
    return replace(loaded, pipeline=pipeline, name=f"{loaded.name} (random denoiser)")


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
    """Draw what a class leaves to its checkpoint, as the padding tokens of some transformers."""
    import torch

    for parameter in model.parameters():
        if not torch.isfinite(parameter).all():
            torch.nn.init.normal_(parameter, std=STANDARD_DEVIATION)
