"""What a denoiser's blocks lose of each other's images."""

from __future__ import annotations

from dataclasses import dataclass

from t2i_audit.results.told_apart import ToldApart


@dataclass(frozen=True)
class LostInBlock:
    """Two values that one block tells apart, and the next one recorded does not."""

    step: int
    """Sampling step, from 0."""
    before: str
    block: str
    """Where they are alike."""
    pair: ToldApart


@dataclass(frozen=True)
class BlocksSummary:
    """What is lost on the way through one denoiser."""

    component: str
    n_prompts: int
    """Of each the first image was read."""
    n_blocks: int
    """Compared with the block before them; a block counts once a step."""
    n_pairs: int
    """Pairs of values that were tested at each."""
    lost: tuple[LostInBlock, ...]
    """In the order of steps and blocks."""
