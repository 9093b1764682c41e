"""On which families a test runs."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from tests.families.checkpoints import FAMILIES
from tests.slow import with_slow

# One family for each way in which a denoiser is given its text.
QUICK = (
    "stable-diffusion-1", "stable-diffusion-xl", "stable-diffusion-3", "flux-1", "pixart-alpha",
    "qwen-image", "kandinsky-2.2", "z-image", "hidream", "stable-diffusion-pag", "stable-cascade",
    "latent-consistency",
)  # fmt: skip


def others_slow(names: Iterable[str]) -> pytest.MarkDecorator:
    """The test runs on all of `names`; on those that are not `QUICK` by `make test-slow` alone."""
    return pytest.mark.parametrize("name", with_slow(names, lambda name: name not in QUICK))


every_family = pytest.mark.parametrize("name", FAMILIES)
