"""Code distributions: how strongly a task uses the modules of its composition."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from synthetic.settings import CodeDistribution

LEVELS = np.array([0.5, 0.6, 0.7, 0.8, 0.9, 1.0], dtype=np.float32)


def draw_codes(
    distribution: CodeDistribution,
    masks: Sequence[np.ndarray],
    tasks: int,
    rngs: Sequence[np.random.Generator],
) -> torch.Tensor:
    """Codes of tasks whose compositions are drawn uniformly, ``(members, tasks, modules)``.

    ``discrete`` draws each active entry from {0.5, 0.6, ..., 1}; ``k-hot`` sets it to 1;
    ``continuous`` draws weights from the simplex (omitting one coordinate) and maps them into
    [0.5, 1]. Follows the official configuration of arXiv 2507.07207.

    Args:
        distribution: one of the three.
        masks: for each member, which modules each composition uses, ``(n, modules)``.
        tasks: tasks per member.
        rngs: one generator per member.
    """
    codes = np.stack(
        [
            member[rng.integers(len(member), size=tasks)]
            for member, rng in zip(masks, rngs, strict=True)
        ]
    )
    if distribution == "discrete":
        levels = np.stack([rng.integers(len(LEVELS), size=codes.shape[1:]) for rng in rngs])
        codes *= LEVELS[levels]
    elif distribution == "continuous":
        weights = np.stack([rng.standard_exponential(codes.shape[1:], np.float32) for rng in rngs])
        weights *= codes
        weights /= weights.sum(axis=2, keepdims=True) + 1
        codes *= 0.5 * weights + 0.5
    return torch.from_numpy(codes)
