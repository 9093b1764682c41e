"""Whether a disk has room for the images of a run."""

from __future__ import annotations

import shutil
from pathlib import Path

from t2i_audit import storage
from t2i_audit.errors import RunDirectoryError

# PNG files of photographs, and of the built-in checkpoints, take about 1 byte per pixel. A tenth of
# that refuses no run for which there is room.
USUAL_PER_PIXEL = 1.0  # bytes
LEAST_PER_PIXEL = 0.1
MB, GB = 1e6, 1e9


FEWER = "--seeds, or give another --out"


def disk_sentence(images: int, height: int, width: int, states: int) -> str:
    """What a run takes on the disk, e.g. ``It takes about 0.8 GB on the disk: ...``.

    Args:
        images: the number of images.
        height: of each, in pixels.
        width: of each, in pixels.
        states: bytes of the states that are probed; 0 where that is not known.
    """
    pixels = images * height * width * USUAL_PER_PIXEL
    probed = f", {_amount(states)} of the states that are probed" if states else ""
    return (
        f"about {_amount(pixels + states)} on the disk: {_amount(pixels)} of images at 1 byte per "
        f"pixel, as PNG files of photographs take{probed}, and tables besides"
    )


def require_space(
    out: Path, images: int, height: int, width: int, *, states: int = 0, fewer: str = FEWER
) -> str:
    """Refuse to make images in `out` for which the disk certainly has no room.

    Args:
        out: the run directory; it need not exist.
        images: the number of images.
        height: of each, in pixels.
        width: of each, in pixels.
        states: bytes of the states that are probed.
        fewer: the option with which fewer are made, for the message.

    Returns:
        A sentence where the room may not do, as images of this size usually take more; else empty.

    Raises:
        RunDirectoryError: the least that the images can take is more than what is free.
    """
    copy = storage.store_of(out)
    if copy is not None:
        # The working copy of a run in a store has its images as well.
        out = copy.folder.parent
        fewer = f"{fewer.partition(',')[0]}, or set TMPDIR to a folder of a larger disk"
    folder = next(each for each in (out, *out.absolute().parents) if each.exists())
    pixels, free = images * height * width, shutil.disk_usage(folder).free
    what, room = f"{images:,} images of {height} x {width} pixels", f"{free / GB:.3g} GB free"
    if states:
        what += f" and {states / GB:.3g} GB of the states that are probed"
    least, usual = (pixels * each + states for each in (LEAST_PER_PIXEL, USUAL_PER_PIXEL))
    if least > free:
        raise RunDirectoryError(
            f"{what} need at least {least / GB:.3g} GB, "
            f"and {folder} has {room}; free some space, or give fewer {fewer}"
        )
    if usual > free:
        return (
            f"{what} take about {usual / GB:.3g} GB at 1 byte per pixel, as PNG "
            f"files of photographs do, and {folder} has {room}: the disk may become full, so free "
            f"some space, or give fewer {fewer}"
        )
    return ""


def _amount(size: float) -> str:
    return f"{size / GB:.3g} GB" if size >= GB else f"{size / MB:.3g} MB"
