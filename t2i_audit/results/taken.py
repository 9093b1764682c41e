"""What an audit takes, by what another one took."""

from __future__ import annotations

from dataclasses import dataclass

from t2i_audit.results.interval import Number


@dataclass(frozen=True)
class Taken:
    """Time and disk of an audit that is made like another run, which measured both.

    >>> import t2i_audit as t2i
    >>> taken = t2i.plan("world-smoke", seeds=1, like="runs/demo").taken
    >>> taken.like_images, sorted(taken.bytes)
    (8, ['activations', 'images', 'tables'])
    """

    like: str
    """The other run, as the user calls it."""
    model: str
    """Of that run."""
    steps: int
    """Sampling steps of an image there."""
    height: int
    """Of an image there, in pixels."""
    width: int
    like_images: int
    """Images that the run has."""
    timed_images: int
    """Those of them that were timed; 0 where none was."""
    device: str
    """On which they were timed; empty where none was."""
    seconds_per_image: Number | None
    """Of sampling alone, by one process; None where none was timed."""
    seconds: Number | None
    """What sampling takes one process for all images of the new audit."""
    bytes: dict[str, int]
    """On the disk, by kind: images; activations, which are the states that are probed; and tables,
    which are all else."""
