"""An image as a bag of codes: how much of it looks like each of some typical patches.

A mean over an image's patches says little of what is in it, as an object fills few of them. How
often each typical patch occurs says which colours and textures there are, wherever they are. This
is the bag of visual words (Csurka et al. 2004, Visual Categorization with Bags of Keypoints) with
soft assignments (van Gemert et al. 2008, Kernel Codebooks for Scene Categorization).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

CODES = 64
# Patches from which the codes are found; more change little.
MOST_PATCHES = 20_000
# Squared width of a code's kernel over the squared distance between neighbouring codes.
WIDTH = 0.5


def bags_of_codes(patches: NDArray[np.floating], *, seed: int) -> FloatArray:
    """Of `patches`, ``(n, p, c)`` of `n` images, the root of each code's share, ``(n, k)``.

    The codes are found from the patches alone, without any labels. The root makes rare codes count
    as well as frequent ones (Hellinger's distance).
    """
    from sklearn.cluster import KMeans

    n, p, c = patches.shape
    flat = patches.reshape(-1, c).astype(np.float64)
    spread = flat.std(axis=0)
    flat = (flat - flat.mean(axis=0)) / np.where(spread > 0, spread, 1)
    rng = np.random.default_rng(seed)
    chosen = rng.permutation(len(flat))[:MOST_PATCHES]
    different = len(np.unique(flat[chosen], axis=0))
    codes = (
        KMeans(min(CODES, different), n_init=2, max_iter=100, random_state=seed)
        .fit(flat[chosen])
        .cluster_centers_
    )
    between = _distances(codes, codes)
    np.fill_diagonal(between, np.inf)
    width = WIDTH * float(np.median(between.min(axis=1))) if len(codes) > 1 else 1.0
    shares = np.empty((n, len(codes)))
    for image in range(n):
        distances = _distances(flat[image * p : (image + 1) * p], codes)
        near = np.exp(-(distances - distances.min(axis=1, keepdims=True)) / (2 * (width or 1.0)))
        shares[image] = (near / near.sum(axis=1, keepdims=True)).mean(axis=0)
    roots: FloatArray = np.sqrt(shares)
    return roots


def _distances(x: FloatArray, y: FloatArray) -> FloatArray:
    """Squared distances ``(a, b)`` of ``(a, c)`` and ``(b, c)``."""
    squares: FloatArray = (x**2).sum(1)[:, None] - 2 * x @ y.T + (y**2).sum(1)
    return squares.clip(min=0)
