"""Every image is read once before anything is written, to know which can be judged."""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace

from t2i_audit.images.decode import ImageFault, decode, quiet_pillow
from t2i_audit.images.listing import Content, LeftOut, Listing
from t2i_audit.images.match import Placed
from t2i_audit.pipelines.safety import FLAT
from t2i_audit.reporter import Advance

AHEAD = 2  # files per thread that are in memory before the first of them is decoded
THREADS = 4


@dataclass(frozen=True)
class Checked:
    """An image that a judge can read."""

    placed: Placed
    sha256: str
    """Of its file."""
    size: int
    """Of its file, in bytes."""
    suffix: str
    width: int
    height: int
    changes: tuple[str, ...]
    """What is done to make it 8-bit RGB."""
    flaw: str
    """Why it is not shown to a judge all the same; empty if it is."""


def check(
    listing: Listing, placed: Sequence[Placed], advance: Advance
) -> tuple[tuple[Checked, ...], tuple[LeftOut, ...]]:
    """Decode the images of `placed`; returns those that can be judged, and the others."""
    found: list[Checked] = []
    left_out: list[LeftOut] = []
    for own, outcome in _outcomes(listing, placed):
        if isinstance(outcome, Checked):
            found.append(replace(outcome, placed=own))
        else:
            left_out.append(LeftOut(own.file, "unreadable", outcome))
        advance(1)
    return tuple(found), tuple(left_out)


def _outcomes(listing: Listing, placed: Sequence[Placed]) -> Iterator[tuple[Placed, Checked | str]]:
    """What became of each image, in order; few are in memory at a time."""
    by_entry = {own.entry: own for own in placed}
    waiting: deque[tuple[Placed, Future[Checked | str]]] = deque()
    with quiet_pillow(), ThreadPoolExecutor(THREADS) as pool:
        for index, content in listing.contents(by_entry.keys()):
            own = by_entry[index]
            waiting.append((own, pool.submit(_checked, own, content)))
            if len(waiting) >= AHEAD * THREADS:
                first, outcome = waiting.popleft()
                yield first, outcome.result()
        for first, outcome in waiting:
            yield first, outcome.result()


def _checked(placed: Placed, content: Content) -> Checked | str:
    if isinstance(content, ImageFault):
        return str(content)
    try:
        image = decode(content)
    except ImageFault as err:
        return str(err)
    height, width, _ = image.pixels.shape
    flat = bool((image.pixels == image.pixels[:1, :1]).all())
    digest = hashlib.sha256(content).hexdigest()
    return Checked(
        placed,
        digest,
        len(content),
        image.suffix,
        width,
        height,
        image.changes,
        FLAT if flat else "",
    )
