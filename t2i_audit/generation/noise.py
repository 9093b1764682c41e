"""Noise that depends on a prompt and a seed index and on nothing else."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


def generator_for(base_seed: int, prompt_id: str, seed_index: int) -> torch.Generator:
    """The source of all randomness of one image."""
    return generator_of(base_seed, prompt_id, seed_index)


def generator_of(*parts: object) -> torch.Generator:
    """Random numbers that depend on `parts` alone, and not on what was drawn before.

    They are drawn on the CPU whatever the device, so that every device starts from the same noise.
    """
    import torch

    digest = hashlib.sha256("/".join(map(str, parts)).encode()).digest()
    # 63 bits are the most that torch accepts on every platform.
    return torch.Generator("cpu").manual_seed(int.from_bytes(digest[:8], "big") >> 1)


def draw_latents(generators: Sequence[torch.Generator], shape: tuple[int, ...]) -> torch.Tensor:
    """Standard normal float32 latents ``(b, *shape)``, one image from each generator."""
    import torch

    return torch.stack([torch.randn(shape, generator=each) for each in generators])
